#include "textflag.h"

// onSignal writes the signal's number, the kernel's argument in DI, to the pipe. It is
// called by the kernel, on the thread's stack for signals, and is no Go function:
// nothing of Go's is touched, and the kernel puts all registers back afterwards.
TEXT onSignal<>(SB), NOSPLIT|NOFRAME, $0
	SUBQ $24, SP
	MOVB DI, 8(SP)
	MOVL ·signalPipe(SB), DI
	LEAQ 8(SP), SI
	MOVL $1, DX
	MOVL $1, AX // write
	SYSCALL
	ADDQ $24, SP
	RET

// signalReturn is what a handler returns to.
TEXT signalReturn<>(SB), NOSPLIT|NOFRAME, $0
	MOVL $15, AX // rt_sigreturn
	SYSCALL
	INT $3 // not reached

DATA ·handlerAddress(SB)/8, $onSignal<>(SB)
GLOBL ·handlerAddress(SB), RODATA, $8
DATA ·returnAddress(SB)/8, $signalReturn<>(SB)
GLOBL ·returnAddress(SB), RODATA, $8

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

// onFault passes a fault of this program's own on to Go's handler. One that somebody
// has sent (si_code is not above 0: sigaction(2)) is none, and nothing is done.
TEXT onFault<>(SB), NOSPLIT|NOFRAME, $0
	CMPL 8(SI), $0
	JLE sent
	MOVQ ·goHandler(SB), AX
	JMP AX
sent:
	RET

// signalReturn is what a handler returns to.
TEXT signalReturn<>(SB), NOSPLIT|NOFRAME, $0
	MOVL $15, AX // rt_sigreturn
	SYSCALL
	INT $3 // not reached

DATA ·handlerAddress(SB)/8, $onSignal<>(SB)
GLOBL ·handlerAddress(SB), RODATA, $8
// onNothing does nothing.
TEXT onNothing<>(SB), NOSPLIT|NOFRAME, $0
	RET

DATA ·nothingAddress(SB)/8, $onNothing<>(SB)
GLOBL ·nothingAddress(SB), RODATA, $8
DATA ·faultAddress(SB)/8, $onFault<>(SB)
GLOBL ·faultAddress(SB), RODATA, $8
DATA ·returnAddress(SB)/8, $signalReturn<>(SB)
GLOBL ·returnAddress(SB), RODATA, $8

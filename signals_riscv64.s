#include "textflag.h"

// onSignal writes the signal's number, the kernel's argument in X10, to the pipe. It is
// called by the kernel, on the thread's stack for signals, and is no Go function:
// nothing of Go's is touched, and the kernel puts all registers back afterwards. It
// returns to the vDSO, which calls rt_sigreturn.
TEXT onSignal<>(SB), NOSPLIT|NOFRAME, $0
	ADD $-16, X2
	MOVB X10, 8(X2)
	MOVW ·signalPipe(SB), X10
	ADD $8, X2, X11
	MOV $1, X12
	MOV $64, X17 // write
	ECALL
	ADD $16, X2
	RET

DATA ·handlerAddress(SB)/8, $onSignal<>(SB)
GLOBL ·handlerAddress(SB), RODATA, $8
DATA ·returnAddress(SB)/8, $0
GLOBL ·returnAddress(SB), RODATA, $8

#include "textflag.h"

// onSignal writes the signal's number, the kernel's argument in R0, to the pipe. It is
// called by the kernel, on the thread's stack for signals, and is no Go function:
// nothing of Go's is touched, and the kernel puts all registers back afterwards. It
// returns to the vDSO, which calls rt_sigreturn.
TEXT onSignal<>(SB), NOSPLIT|NOFRAME, $0
	SUB $16, RSP
	MOVB R0, 8(RSP)
	MOVW ·signalPipe(SB), R0
	ADD $8, RSP, R1
	MOVD $1, R2
	MOVD $64, R8 // write
	SVC
	ADD $16, RSP
	RET

DATA ·handlerAddress(SB)/8, $onSignal<>(SB)
GLOBL ·handlerAddress(SB), RODATA, $8
DATA ·returnAddress(SB)/8, $0
GLOBL ·returnAddress(SB), RODATA, $8

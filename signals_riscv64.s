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

// onFault passes a fault of this program's own on to Go's handler. One that somebody
// has sent (si_code is not above 0: sigaction(2)) is none, and nothing is done.
TEXT onFault<>(SB), NOSPLIT|NOFRAME, $0
	MOVW 8(X11), X5
	BGE X0, X5, sent
	MOV ·goHandler(SB), X5
	JMP (X5)
sent:
	RET

// onNothing does nothing.
TEXT onNothing<>(SB), NOSPLIT|NOFRAME, $0
	RET

DATA ·nothingAddress(SB)/8, $onNothing<>(SB)
GLOBL ·nothingAddress(SB), RODATA, $8
DATA ·faultAddress(SB)/8, $onFault<>(SB)
GLOBL ·faultAddress(SB), RODATA, $8
DATA ·handlerAddress(SB)/8, $onSignal<>(SB)
GLOBL ·handlerAddress(SB), RODATA, $8
DATA ·returnAddress(SB)/8, $0
GLOBL ·returnAddress(SB), RODATA, $8

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

// onFault passes a fault of this program's own on to Go's handler. One that somebody
// has sent (si_code is not above 0: sigaction(2)) is none, and nothing is done.
TEXT onFault<>(SB), NOSPLIT|NOFRAME, $0
	MOVW 8(R1), R3
	CMPW $0, R3
	BLE sent
	MOVD ·goHandler(SB), R3
	JMP (R3)
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

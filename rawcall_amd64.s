#include "textflag.h"

// A system call: the number in AX, the arguments in DI, SI, DX, R10, R8 and R9, and the
// result in AX (syscall(2), "Architecture calling conventions"). From -4095 to -1 it is an
// errno, negated.
TEXT ·rawCall(SB), NOSPLIT, $0-72
	MOVQ nr+0(FP), AX
	MOVQ a0+8(FP), DI
	MOVQ a1+16(FP), SI
	MOVQ a2+24(FP), DX
	MOVQ a3+32(FP), R10
	MOVQ a4+40(FP), R8
	MOVQ a5+48(FP), R9
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JCC  failed
	MOVQ AX, r+56(FP)
	MOVQ $0, e+64(FP)
	RET
failed:
	NEGQ AX
	MOVQ $-1, r+56(FP)
	MOVQ AX, e+64(FP)
	RET

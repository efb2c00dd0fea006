#include "textflag.h"

// A system call: the number in R8, the arguments in R0 to R5, and the result in R0
// (syscall(2), "Architecture calling conventions"). From -4095 to -1 it is an errno, negated.
TEXT ·rawCall(SB), NOSPLIT, $0-72
	MOVD nr+0(FP), R8
	MOVD a0+8(FP), R0
	MOVD a1+16(FP), R1
	MOVD a2+24(FP), R2
	MOVD a3+32(FP), R3
	MOVD a4+40(FP), R4
	MOVD a5+48(FP), R5
	SVC
	CMN  $4095, R0
	BCC  made
	NEG  R0, R0
	MOVD $-1, R1
	MOVD R1, r+56(FP)
	MOVD R0, e+64(FP)
	RET
made:
	MOVD R0, r+56(FP)
	MOVD ZR, e+64(FP)
	RET

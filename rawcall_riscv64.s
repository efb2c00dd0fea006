#include "textflag.h"

// A system call: the number in A7, the arguments in A0 to A5, and the result in A0
// (syscall(2), "Architecture calling conventions"). From -4095 to -1 it is an errno, negated.
TEXT ·rawCall(SB), NOSPLIT, $0-72
	MOV nr+0(FP), A7
	MOV a0+8(FP), A0
	MOV a1+16(FP), A1
	MOV a2+24(FP), A2
	MOV a3+32(FP), A3
	MOV a4+40(FP), A4
	MOV a5+48(FP), A5
	ECALL
	MOV  $-4096, T0
	BLTU T0, A0, failed
	MOV A0, r+56(FP)
	MOV ZERO, e+64(FP)
	RET
failed:
	NEG A0, A0
	MOV $-1, T0
	MOV T0, r+56(FP)
	MOV A0, e+64(FP)
	RET

#include "go_asm.h"
#include "textflag.h"

// clone(flags, stack, NULL, 0, NULL), with a copy of the top of this stack as the new one.
TEXT ·cloneShared(SB), NOSPLIT, $0-24
	MOVD  fork+0(FP), R5
	MOVD  (step_args+0*operand__size+operand_n)(R5), R0
	MOVD  (step_args+1*operand__size+operand_p)(R5), R1
	MOVHU step_nr(R5), R8
	MOVD  RSP, R9
	MOVD  R1, R10
	MOVD  $(const_copiedStack/8), R11
copy:
	MOVD.P 8(R9), R12
	MOVD.P R12, 8(R10)
	SUBS  $1, R11
	BNE   copy
	MOVD  ZR, R2
	MOVD  ZR, R3
	MOVD  ZR, R4
	SVC
	CMN   $4095, R0
	BCC   made
	NEG   R0, R0
	MOVD  $-1, R1
	MOVD  R1, pid+8(FP)
	MOVD  R0, e+16(FP)
	RET
made:
	MOVD  R0, pid+8(FP) // from here on, each process has its own RSP
	MOVD  ZR, e+16(FP)
	RET

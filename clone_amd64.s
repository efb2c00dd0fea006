#include "go_asm.h"
#include "textflag.h"

// clone(flags, stack, NULL, NULL, 0), with a copy of the top of this stack as the new one.
TEXT ·cloneShared(SB), NOSPLIT, $0-24
	MOVQ fork+0(FP), R8
	MOVQ (step_args+1*operand__size+operand_p)(R8), DI
	MOVQ SP, SI
	MOVQ $(const_copiedStack/8), CX
	CLD
	REP; MOVSQ
	MOVQ (step_args+0*operand__size+operand_n)(R8), DI
	MOVQ (step_args+1*operand__size+operand_p)(R8), SI
	MOVWLZX step_nr(R8), AX
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JCC  failed
	MOVQ AX, pid+8(FP) // from here on, each process has its own SP
	MOVQ $0, e+16(FP)
	RET
failed:
	NEGQ AX
	MOVQ $-1, pid+8(FP)
	MOVQ AX, e+16(FP)
	RET

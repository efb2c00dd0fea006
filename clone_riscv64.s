#include "go_asm.h"
#include "textflag.h"

// clone(flags, stack, NULL, 0, NULL), with a copy of the top of this stack as the new one.
TEXT ·cloneShared(SB), NOSPLIT, $0-24
	MOV  fork+0(FP), T0
	MOV  (step_args+0*operand__size+operand_n)(T0), A0
	MOV  (step_args+1*operand__size+operand_p)(T0), A1
	MOVHU step_nr(T0), A7
	MOV  X2, T1
	MOV  A1, T2
	MOV  $(const_copiedStack/8), T3
copy:
	MOV  (T1), T4
	MOV  T4, (T2)
	ADD  $8, T1
	ADD  $8, T2
	ADD  $-1, T3
	BNE  T3, ZERO, copy
	MOV  ZERO, A2
	MOV  ZERO, A3
	MOV  ZERO, A4
	ECALL
	MOV  $-4096, T0
	BLTU T0, A0, failed
	MOV  A0, pid+8(FP) // from here on, each process has its own X2
	MOV  ZERO, e+16(FP)
	RET
failed:
	NEG A0, A0
	MOV $-1, T0
	MOV T0, pid+8(FP)
	MOV A0, e+16(FP)
	RET

#include "textflag.h"

// entry is the ELF entry point: what the kernel jumps to. SP (X2) points to argc. g is a
// register here, and begin's wrapper uses it as it is.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0
	MOV X2, X9
	MOV X9, ·initialSP(SB)
	MOV $·g0(SB), g
	MOV $(1024*1024), X11
	SUB X11, X2, X10
	MOV X10, 0(g)   // g.stack.lo
	MOV X2, 8(g)    // g.stack.hi
	MOV X10, 16(g)  // g.stackguard0
	MOV X10, 24(g)  // g.stackguard1
	ADD $-64, X2
	MOV X9, 8(X2)
	CALL ·begin(SB)
	MOV ·initialSP(SB), X2
	JMP _rt0_riscv64_linux(SB)

#include "textflag.h"

// entry is the ELF entry point: what the kernel jumps to. SP points to argc. g is a
// register here, and begin's wrapper uses it as it is.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0
	MOVD RSP, R19
	MOVD R19, ·initialSP(SB)
	MOVD $·g0(SB), g
	MOVD RSP, R1
	SUB  $(1024*1024), R1, R2
	MOVD R2, 0(g)   // g.stack.lo
	MOVD R1, 8(g)   // g.stack.hi
	MOVD R2, 16(g)  // g.stackguard0
	MOVD R2, 24(g)  // g.stackguard1
	SUB  $64, RSP
	MOVD R19, 8(RSP)
	CALL ·begin(SB)
	MOVD ·initialSP(SB), R1
	MOVD R1, RSP
	MOVD $0, R0
	JMP _rt0_arm64_linux(SB)

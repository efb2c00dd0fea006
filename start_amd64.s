#include "textflag.h"

// entry is the ELF entry point: what the kernel jumps to. SP points to argc (the System V
// ABI, AMD64 supplement, "Process Initialization").
//
// A wrapper that the linker puts in front of begin loads g from thread-local storage, so
// FS is set: arch_prctl(ARCH_SET_FS). The runtime sets its own later.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0
	MOVQ SP, BX
	MOVQ BX, ·initialSP(SB)
	MOVQ $158, AX     // SYS_arch_prctl
	MOVQ $0x1003, DI  // ARCH_GET_FS: a program with cgo has a C library that has set it
	LEAQ ·initialFS(SB), SI
	SYSCALL
	MOVQ $158, AX
	MOVQ $0x1002, DI  // ARCH_SET_FS
	LEAQ ·tls+64(SB), SI
	SYSCALL
	LEAQ ·g0(SB), R14
	LEAQ -(1024*1024)(SP), AX // of the 8 MiB that the kernel allows by default
	MOVQ AX, 0(R14)   // g.stack.lo
	MOVQ SP, 8(R14)   // g.stack.hi
	MOVQ AX, 16(R14)  // g.stackguard0
	MOVQ AX, 24(R14)  // g.stackguard1
	MOVQ R14, ·tls+56(SB) // -8(FS)
	ANDQ $~15, SP
	SUBQ $64, SP
	XORPS X15, X15    // Go's zero register
	MOVQ BX, 0(SP)
	CALL ·begin(SB)
	MOVQ $158, AX
	MOVQ $0x1002, DI
	MOVQ ·initialFS(SB), SI
	SYSCALL
	MOVQ ·initialSP(SB), SP
	XORL DX, DX
	JMP _rt0_amd64_linux(SB)

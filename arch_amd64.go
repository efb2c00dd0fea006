package main

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	x32Bit    = 0x40000000 // numbers of the x32 ABI have it (asm/unistd.h)
	sysChmod  = unix.SYS_CHMOD
)

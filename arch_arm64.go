package main

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	x32Bit    = 0 // no second ABI in the same architecture
	sysChmod  = 0 // chmod is only fchmodat here
)

// Chapter 13: a small filter of tincan's own, in addition to the user's profile.
//
// seccomp(2), ioctl_tty(2) TIOCSTI, ioctl_console(2) TIOCLINUX.
//
// Two requests of ioctl type into the caller's terminal as if the caller had typed: TIOCSTI, on
// kernels before 6.2 and on those that still allow it, and TIOCLINUX on a virtual console.
// Common profiles allow both. The kernel runs all filters of a process, and the strictest answer
// counts (seccomp(2)). So this filter is installed first, and the profile may then refuse
// anything, even seccomp itself. The default filter contains these rows already, and with
// --seccomp=none the command is trusted with the terminal.
//
// Differs from the tutorial: the tutorial's mask also refuses harmless requests, and lets
// TIOCSTI|1<<32 pass (CVE-2019-10063).

package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// ioctlNumbers returns the numbers of ioctl on a kernel for this architecture: in the program's
// own ABI, in a second set of numbers of that ABI (x32), and in the 32-bit ABI.
func ioctlNumbers() (native, second, compat, compatAudit uint32) {
	switch runtime.GOARCH {
	case "amd64":
		return unix.SYS_IOCTL, 0x40000000 | 514, 54, unix.AUDIT_ARCH_I386
	case "arm64":
		return unix.SYS_IOCTL, unix.SYS_IOCTL, 54, unix.AUDIT_ARCH_ARM
	}
	return unix.SYS_IOCTL, unix.SYS_IOCTL, unix.SYS_IOCTL, unix.AUDIT_ARCH_RISCV32
}

// terminalFilter refuses the two requests with EPERM in each ABI, and allows everything else.
func terminalFilter() []unix.SockFilter {
	native, second, compat, compatAudit := ioctlNumbers()
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jump = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K // skips jt instructions if equal, else jf
		give = unix.BPF_RET | unix.BPF_K
	)
	return list(
		unix.SockFilter{Code: load, K: offArch},
		unix.SockFilter{Code: jump, Jt: 0, Jf: 3, K: nativeAudit()},
		unix.SockFilter{Code: load, K: offNr},
		unix.SockFilter{Code: jump, Jt: 4, K: native},
		unix.SockFilter{Code: jump, Jt: 3, Jf: 6, K: second},
		unix.SockFilter{Code: jump, Jt: 0, Jf: 5, K: compatAudit},
		unix.SockFilter{Code: load, K: offNr},
		unix.SockFilter{Code: jump, Jt: 0, Jf: 3, K: compat},
		unix.SockFilter{Code: load, K: offLow(1)}, // the low word of the request: the kernel cuts it to 32 bits
		unix.SockFilter{Code: jump, Jt: 2, K: tiocsti},
		unix.SockFilter{Code: jump, Jt: 1, K: tioclinux},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: give, K: uint32(denied)},
	)
}

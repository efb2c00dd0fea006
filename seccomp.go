// Chapter 13: system calls.
//
// seccomp(2), Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/seccomp.h.
//
// The filter is a program for the kernel's classic BPF machine, assembled here by
// hand. It runs before every system call of the command and sees its number, its
// architecture and its six arguments as numbers: what a pointer points to it cannot
// see. The architecture comes first, since a number means nothing without it.
//
// Differs from the tutorial: comparisons are of the low 32 bits where the kernel
// looks at no more, and TIOCSTI is compared as a whole (there, every request that
// shared its bits was refused); clone3, whose flags lie behind a pointer, does not
// exist for the command, so that C libraries fall back to clone.
package main

import (
	"fmt"
	"strings"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refusal is a row of the filter: a system call, a condition on one argument (mask
// 0: none), and the errno that the command sees.
type refusal struct {
	call  string
	nr    uint32
	arg   int    // 0 to 5
	mask  uint32 // of the low word
	value uint32
	errno uint32
	why   string
}

// offsets in struct seccomp_data
const (
	dataNr   = 0
	dataArch = 4
	dataArgs = 16 // six of 8 bytes, low word first on the little-endian machines we build for
)

// policy is what a filter is compiled from.
type policy struct {
	rows []refusal
}

// seccompPolicy reads --seccomp. nil is no filter.
func seccompPolicy(spec string) (*policy, error) {
	switch spec {
	case "none":
		return nil, nil
	case "default":
		return &policy{append(tutorialRefusals(), closedHoles()...)}, nil
	}
	return nil, fmt.Errorf("--seccomp=%s: one of default, none", spec)
}

// compile assembles the filter.
func (p *policy) compile() ([]unix.SockFilter, error) {
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: dataArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: dataNr, Size: 4},
	}
	if x32Bit != 0 {
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: x32Bit, SkipFalse: 1},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	}
	for _, r := range p.rows {
		refuse := bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | r.errno}
		if r.mask == 0 {
			program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.nr, SkipFalse: 1}, refuse)
			continue
		}
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.nr, SkipFalse: 5},
			bpf.LoadAbsolute{Off: dataArgs + 8*uint32(r.arg), Size: 4},
			bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: r.mask},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.value, SkipFalse: 1},
			refuse,
			bpf.LoadAbsolute{Off: dataNr, Size: 4})
	}
	program = append(program, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	out := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		out[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return out, nil
}

// String lists the rows for a reader.
func (p *policy) String() string {
	var b strings.Builder
	for _, r := range p.rows {
		fmt.Fprintf(&b, "%s: %s\n", r.call, r.why)
	}
	return b.String()
}

// tutorialRefusals are the tutorial's rows, in its order.
func tutorialRefusals() []refusal {
	const eperm = uint32(unix.EPERM)
	rows := []refusal{
		{"keyctl", unix.SYS_KEYCTL, 0, 0, 0, eperm, "keys are not in any namespace"},
		{"add_key", unix.SYS_ADD_KEY, 0, 0, 0, eperm, "keys are not in any namespace"},
		{"request_key", unix.SYS_REQUEST_KEY, 0, 0, 0, eperm, "keys are not in any namespace"},
		{"mbind", unix.SYS_MBIND, 0, 0, 0, eperm, "NUMA placement is the host's affair"},
		{"migrate_pages", unix.SYS_MIGRATE_PAGES, 0, 0, 0, eperm, "NUMA placement is the host's affair"},
		{"move_pages", unix.SYS_MOVE_PAGES, 0, 0, 0, eperm, "NUMA placement is the host's affair"},
		{"set_mempolicy", unix.SYS_SET_MEMPOLICY, 0, 0, 0, eperm, "NUMA placement is the host's affair"},
		{"userfaultfd", unix.SYS_USERFAULTFD, 0, 0, 0, eperm, "stops the kernel in the middle of a copy: a tool of exploits"},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, eperm, "a large and often broken part of the kernel"},
	}
	const why = "a set-id file would be a way to the host's ids, were the mount not nosuid"
	for _, bit := range []uint32{unix.S_ISUID, unix.S_ISGID} {
		if sysChmod != 0 {
			rows = append(rows, refusal{"chmod", sysChmod, 1, bit, bit, eperm, why})
		}
		rows = append(rows,
			refusal{"fchmod", unix.SYS_FCHMOD, 1, bit, bit, eperm, why},
			refusal{"fchmodat", unix.SYS_FCHMODAT, 2, bit, bit, eperm, why})
	}
	return append(rows,
		refusal{"unshare", unix.SYS_UNSHARE, 0, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER, eperm, "a new user namespace gives all capabilities back"},
		refusal{"clone", unix.SYS_CLONE, 0, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER, eperm, "a new user namespace gives all capabilities back"},
		refusal{"ioctl", unix.SYS_IOCTL, 1, 0xffffffff, unix.TIOCSTI, eperm, "types into the caller's terminal"})
}

// closedHoles are what the tutorial's rows leave open.
func closedHoles() []refusal {
	return []refusal{
		{"clone3", unix.SYS_CLONE3, 0, 0, 0, uint32(unix.ENOSYS), "its flags lie behind a pointer; ENOSYS, so that the C library falls back to clone"},
		{"fchmodat2", 452, 2, unix.S_ISUID, unix.S_ISUID, uint32(unix.EPERM), "chmod by another name"},
		{"fchmodat2", 452, 2, unix.S_ISGID, unix.S_ISGID, uint32(unix.EPERM), "chmod by another name"},
		{"ioctl", unix.SYS_IOCTL, 1, 0xffffffff, 0x541c, uint32(unix.EPERM), "TIOCLINUX pastes into a virtual console"},
	}
}

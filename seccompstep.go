// Chapter 13: the filter that --seccomp asks for, and the step that installs it.
//
// seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
//
// The default filter is compiled beforehand (seccompdefault.go), and a file that `tincan seccomp
// compile` wrote is used as it is. Neither needs Go's runtime. A profile in JSON, and the
// tutorial's list, are compiled when they are used.
//
// Differs from the tutorial: in the tutorial, libseccomp compiles the filter at every start.

package main

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setSeccomp reads --seccomp, --seccomp-strict-ints and --seccomp-log.
func (c *config) setSeccomp(f *runFlags) error {
	c.guarded = f.Seccomp != "default" && f.Seccomp != "setid" && f.Seccomp != "none"
	switch {
	case f.Seccomp == "none" && f.SeccompStrictInts:
		return fault(func() error {
			return errors.New("--seccomp-strict-ints: this has no effect with --seccomp=none, which has no filter")
		})
	case f.Seccomp == "none" && f.SeccompLog:
		return fault(func() error {
			return errors.New("--seccomp-log: this has no effect with --seccomp=none, which has no filter")
		})
	case f.Seccomp == "none":
		return nil
	case f.Seccomp == "default" && !f.SeccompLog:
		if c.program = defaultFilter(); c.program != nil {
			return nil
		}
	case f.Seccomp == "setid":
		if err := c.maySetID(); err != nil {
			return err
		}
	case f.Seccomp != "default" && f.Seccomp != "tutorial":
		program, compiled, err := readFilter(f.Seccomp)
		switch {
		case err != nil:
			return fault(func() error { return fmt.Errorf("--seccomp=%s: %w", f.Seccomp, err) })
		case compiled && (f.SeccompLog || f.SeccompStrictInts):
			return fault(func() error {
				return fmt.Errorf("--seccomp=%s: the file is a compiled filter, but --seccomp-log and --seccomp-strict-ints need the profile that it was made from", f.Seccomp)
			})
		case compiled:
			c.program = program
			return c.checkLastCalls(f.Seccomp)
		}
	}
	return fault(func() error {
		err := c.compilePolicy(f)
		if err == nil {
			err = c.checkLastCalls(f.Seccomp)
		}
		return err
	})
}

// maySetID refuses --seccomp=setid if a set-id file could give another user of the host the
// caller's privileges. That is so if the container has the id of the caller, or of root.
func (c *config) maySetID() error {
	for _, maps := range [...][]idMap{c.maps, c.gidMaps} {
		for _, id := range [...]int{0, c.rootless.who.uid, c.rootless.who.gid} {
			for _, m := range maps {
				if overlap(m.outside, m.count, uint32(id), 1) {
					return fault(func() error {
						return fmt.Errorf("--seccomp=setid: the container contains the id %d of this host, and any user of the host who ran such a set-id file would become that user; choose ids that nobody uses: --map=auto, or --map=0:FIRST:COUNT", id)
					})
				}
			}
		}
	}
	return nil
}

// lastCalls are the calls that tincan itself makes under the filter: to start the command, and
// to report and end if that fails.
var lastCalls = [...]struct {
	nr   uint32
	name string
}{{unix.SYS_EXECVE, "execve"}, {unix.SYS_WRITE, "write"}, {unix.SYS_EXIT_GROUP, "exit_group"}}

// checkLastCalls returns an error if the filter does not allow them.
func (c *config) checkLastCalls(spec string) error {
	for i := range lastCalls {
		call := &lastCalls[i]
		v, _, err := runFilter(c.program, &sysCall{nr: call.nr, arch: nativeAudit()})
		if err != nil {
			return fault(func() error { return fmt.Errorf("--seccomp=%s: %w", spec, err) })
		}
		if a := v.action(); a != unix.SECCOMP_RET_ALLOW && a != unix.SECCOMP_RET_LOG {
			return fault(func() error {
				return fmt.Errorf("--seccomp=%s: the filter answers %s with %s, but tincan itself makes the calls execve, write and exit_group under the filter, to start the command or to report why it cannot: allow them (a filter without execve can only be installed by the command itself, once it runs)", spec, call.name, v)
			})
		}
	}
	return nil
}

// compilePolicy compiles a profile. It needs the runtime.
func (c *config) compilePolicy(f *runFlags) error {
	var err error
	if c.policy, c.warnings, err = seccompPolicy(f.Seccomp, c.keep.names(), f.SeccompStrictInts); err != nil {
		return fmt.Errorf("--seccomp=%s: %w", f.Seccomp, err)
	}
	if f.SeccompLog {
		if err := c.policy.checkListener(); err != nil {
			return err
		}
		c.policy = c.policy.notifying()
	}
	c.program, err = c.policy.compile()
	return err
}

// maxFilterBytes is the size of the longest filter that the kernel accepts (BPF_MAXINSNS).
const maxFilterBytes = maxFilter * 8

// readFilter reads a filter that `tincan seccomp compile` wrote, a sequence of struct
// sock_filter. compiled is false if the file does not contain one; it may be a profile.
func readFilter(file string) (program []unix.SockFilter, compiled bool, err error) {
	fd, e := sysOpen(file, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if e != 0 {
		return nil, false, nil // the reader of profiles reports this error
	}
	var st unix.Stat_t
	if sysFstat(fd, &st) != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		sysClose(fd)
		return nil, true, fault(func() error {
			return errors.New("not a regular file: give the name of a file (a pipe or FIFO cannot be used, because the profile is read twice)")
		})
	}
	b := space(maxFilterBytes + 8)
	n, e := sysRead(fd, b)
	sysClose(fd)
	// All filters begin with an instruction that loads the architecture.
	first := (*unix.SockFilter)(unsafe.Pointer(&b[0]))
	if e != 0 || n < 16 || first.Code != unix.BPF_LD|unix.BPF_W|unix.BPF_ABS || first.K != offArch {
		return nil, false, nil
	}
	if n%8 != 0 || n > maxFilterBytes {
		return nil, true, fault(func() error {
			return fmt.Errorf("it begins like a compiled filter, but its size of %d bytes is wrong: it must be a multiple of 8, at most %d", n, maxFilterBytes)
		})
	}
	program = unsafe.Slice(first, n/8)
	for i := range program {
		if p := &program[i]; p.Code == unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K && p.K == nativeAudit() {
			return program, true, nil
		}
	}
	return nil, true, fault(func() error {
		return fmt.Errorf("this filter was compiled for another processor, and this one is %s; compile it with tincan seccomp compile --arch", runtime.GOARCH)
	})
}

// nativeAudit returns the AUDIT_ARCH of this program (linux/audit.h).
func nativeAudit() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	case "riscv64":
		return unix.AUDIT_ARCH_RISCV64
	}
	return 0
}

// listens reports whether the filter has a listener, for --seccomp-log or for record.
func (c *config) listens() bool { return c.recording != nil || c.policy != nil && c.policy.notify }

// checkListener returns an error if the filter refuses one of the calls that are made between
// its installation and execve: such a refusal would wait for a listener that nobody serves yet.
func (p *policy) checkListener() error {
	native, err := abiNamed("")
	if err != nil {
		return err
	}
	for _, name := range []string{"dup3", "sendmsg", "read", "execve"} {
		nr, _ := native.number(name)
		if v, _ := p.eval(sysCall{nr: nr, arch: native.audit}); !v.permits() {
			return fmt.Errorf("--seccomp-log: the profile answers %s with %s, but the child makes this call to give the log to the launcher: allow it", name, v)
		}
	}
	return nil
}

// filter is step 13. Only execve comes after it.
func filter(c *config, d *fds) []*step {
	var steps []*step
	if c.guarded {
		steps = add(steps, installFilter(terminalFilter(), 0).because("whatever the profile allows, the command cannot type into the caller's terminal"))
	}
	if c.recording != nil {
		steps = addAll(steps, recorderSteps(c.recording, d))
	}
	if c.program == nil {
		return steps
	}
	with := uintptr(0)
	if c.policy != nil {
		with = uintptr(c.policy.flags)
	}
	install := installFilter(c.program, with).because("from here on the kernel runs the filter before every call")
	if c.recording != nil || !c.listens() {
		return add(steps, install)
	}
	return addAll(add(steps, install.keeping()), listenerSteps(d))
}

// installFilter is seccomp(2), SECCOMP_SET_MODE_FILTER.
func installFilter(program []unix.SockFilter, with uintptr) *step {
	p := keep(unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	return call("seccomp", unix.SYS_SECCOMP, name(unix.SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER"), flags(with, showSeccompFlags), memory(unsafe.Pointer(p), showProgram))
}

// listenerSteps send the listener, whose descriptor seccomp(2) has returned, to the launcher
// before execve closes it. They need the runtime, as --seccomp-log does.
//
//go:noinline
//tincan:runtime
func listenerSteps(d *fds) []*step {
	socket := fd(d.child, "SOCKET")
	return list(
		call("dup3", unix.SYS_DUP3, kept(), fd(d.listener, "LISTENER"), name(unix.O_CLOEXEC, "O_CLOEXEC")).
			because("puts the listener where the launcher looks for it"),
		sendDescriptor(socket, d.listener, "LISTENER").because("sends it to the launcher, which cannot fetch it itself, because this process is not dumpable"),
		readByte(socket).because("waits until the launcher has it"),
	)
}

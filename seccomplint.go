// Chapter 13: what a policy leaves open. This file looks for the well-known mistakes of filters
// by asking the policy about calls.
//
// man 2 seccomp (Caveats). CVE-2019-10063, CVE-2021-41133, CVE-2023-28100.
//
// A profile is loaded as it is, with its mistakes, because its author may have had reasons for
// them. `tincan seccomp show` lists the mistakes.

package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sisters lists calls that do what another call does. A filter that refuses the first, wholly or
// in part, should decide about the others too.
var sisters = []struct{ call, others, why string }{
	{"clone", "clone3", "its flags are in memory, which a filter cannot read: refuse it with ENOSYS, and the C libraries use clone"},
	{"unshare", "setns", "enters a namespace instead of making one"},
	{"chmod", "fchmodat2", "chmod under a newer name"},
	{"fchmodat", "fchmodat2", "chmod under a newer name"},
	{"openat", "openat2", "its flags and mode are in memory, which a filter cannot read: refuse it with ENOSYS"},
	{"mount", "fsopen fsmount move_mount open_tree mount_setattr open_tree_attr", "mount, split into several calls"},
	{"set_mempolicy", "set_mempolicy_home_node", "sets the policy for a range"},
	{"ptrace", "process_vm_writev", "writes to another process's memory as well"},
	{"open_by_handle_at", "io_uring_setup", "its operations are not checked by any filter"},
	{"socket", "io_uring_setup", "its operations are not checked by any filter"},
	{"openat", "io_uring_setup", "its operations are not checked by any filter"},
	{"init_module", "finit_module", "loads code from a descriptor"},
	{"kexec_load", "kexec_file_load", "loads a kernel from a descriptor"},
}

// essential lists calls without which no program runs.
const essential = "execve exit_group write read mmap brk rt_sigreturn close munmap"

// lint returns a line for each mistake that it finds in the policy.
func (p *policy) lint() (lines []string) {
	say := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	for _, a := range p.abis {
		for i := range a.calls {
			p.lintWidth(a, &a.calls[i], say)
		}
		p.lintSisters(a, say)
		p.lintMultiplexed(a, say)
		for _, name := range strings.Fields(essential) {
			if v, known := p.whatever(a, name); known && !v.permits() && a.abi.bit == 0 && !a.abi.narrow {
				say("%s: %s is %s: no program could run", a.abi.name, name, v)
			}
		}
	}
	if len(p.abis) > 0 {
		a := p.abis[0]
		for _, r := range []struct {
			name, why string
			request   uint64
		}{{"TIOCSTI", "types into the caller's terminal", tiocsti}, {"TIOCLINUX", "pastes into a virtual console", tioclinux}} {
			if v, known := p.ask(a, "ioctl", [6]uint64{1: r.request}); known && v.permits() {
				say("%s: ioctl %s is %s: it %s", a.abi.name, r.name, v, r.why)
			}
		}
	}
	if a := p.abi(&abis[2]); a != nil {
		say("x32 is listed: hardly any program or kernel uses this ABI; the same rules decide about its calls, under other numbers")
	}
	return lines
}

// ask returns the verdict for a call by name. It returns false if the ABI does not have the
// call.
func (p *policy) ask(a *abiPolicy, name string, args [6]uint64) (verdict, bool) {
	nr, ok := a.abi.number(name)
	if !ok {
		return 0, false
	}
	v, _ := p.eval(sysCall{nr: nr, arch: a.abi.audit, args: args})
	return v, true
}

// whatever returns the verdict of a call that does not depend on arguments. If the call has
// rules with conditions, it returns the first verdict that permits the call.
func (p *policy) whatever(a *abiPolicy, name string) (verdict, bool) {
	nr, ok := a.abi.number(name)
	if !ok {
		return 0, false
	}
	rules := a.rulesFor(nr)
	for _, r := range rules {
		if r.then.permits() || len(r.when) == 0 {
			return r.then, true
		}
	}
	return a.fallback(nr), true
}

// refuses reports whether a call is refused for at least some arguments.
func (p *policy) refuses(a *abiPolicy, name string) bool {
	nr, ok := a.abi.number(name)
	if !ok {
		return false
	}
	for _, r := range a.rulesFor(nr) {
		if !r.then.permits() {
			return true
		}
		if len(r.when) == 0 {
			return false
		}
	}
	return !a.fallback(nr).permits()
}

func (p *policy) lintSisters(a *abiPolicy, say func(string, ...any)) {
	for _, s := range sisters {
		if !p.refuses(a, s.call) {
			continue
		}
		for other := range strings.FieldsSeq(s.others) {
			if v, known := p.whatever(a, other); known && v.permits() && !p.refuses(a, other) {
				say("%s: %s is refused, at least in part, but %s is %s: %s", a.abi.name, s.call, other, v, s.why)
			}
		}
	}
	clone, known := p.whatever(a, "clone")
	if clone3, has := p.whatever(a, "clone3"); known && has && clone.permits() && !clone3.permits() && clone3 != refuse(unix.ENOSYS) {
		say("%s: clone3 is %s: only with ENOSYS do the C libraries use clone instead; with anything else no thread can be started", a.abi.name, clone3)
	}
}

func (p *policy) lintMultiplexed(a *abiPolicy, say func(string, ...any)) {
	if a.abi.name != "x86" {
		return
	}
	for _, c := range a.calls {
		for _, r := range c.rules {
			if r.loose && r.then.permits() {
				say("x86: %s is %s, whatever condition the rule (%s) has on the arguments, because they are in memory", c.name, r, r.why)
			}
		}
	}
	for _, m := range multiplexed {
		v, known := p.whatever(a, m.call)
		if !known || !v.permits() || p.refuses(a, m.call) {
			continue
		}
		var passed []string
		for name := range strings.FieldsSeq(m.names) {
			if p.refuses(a, name) {
				passed = append(passed, name)
			}
		}
		if len(passed) > 0 {
			say("x86: %s is %s, and does what these calls do, which are refused at least in part: %s", m.call, v, strings.Join(passed, ", "))
		}
	}
}

// lintWidth looks for values that are refused, but allowed when an upper bit is set that the
// kernel ignores.
func (p *policy) lintWidth(a *abiPolicy, c *callRules, say func(string, ...any)) {
	if a.abi.narrow {
		return
	}
	var values [6][]uint64
	for i := range values {
		values[i] = []uint64{0}
	}
	for _, r := range c.rules {
		for _, w := range r.when {
			for _, v := range []uint64{w.value, w.value + 1, w.value - 1, w.mask} {
				if v = uint64(uint32(v)); !slices.Contains(values[w.arg], v) {
					values[w.arg] = append(values[w.arg], v)
				}
			}
		}
	}
	tries := 4096 // rules on many arguments have too many combinations
	var args [6]uint64
	var walk func(arg int) bool
	walk = func(arg int) bool {
		if arg < 6 {
			for _, v := range values[arg] {
				if args[arg] = v; walk(arg + 1) {
					return true
				}
			}
			args[arg] = 0
			return false
		}
		before, _ := p.eval(sysCall{nr: c.nr, arch: a.abi.audit, args: args})
		if tries--; before.permits() {
			return tries < 0
		}
		for i := range args {
			if len(values[i]) == 1 || !isInt(c.name, i) {
				continue
			}
			wide := args
			wide[i] |= 1 << 32
			if after, _ := p.eval(sysCall{nr: c.nr, arch: a.abi.audit, args: wide}); after.permits() {
				say("%s: %s with a%d %#x is %s, with %#x %s: to the kernel both are the same 32 bits (--seccomp-strict-ints closes this hole)",
					a.abi.name, c.name, i, args[i], before, wide[i], after)
				return true
			}
		}
		return tries < 0
	}
	walk(0)
}

// Chapter 14, second half: the limits of a process.
//
// setrlimit(2), prlimit(2).
//
// Differs from the tutorial: the tutorial limited the open files of the launcher and not of the
// command. All 16 limits can be set here, and they apply to the command itself.

package main

import (
	"fmt"
	"math"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rlimitTable is indexed by the resource's number (asm-generic/resource.h).
var rlimitTable = [...]struct{ name, why string }{
	{"CPU", "processor time, in seconds"},
	{"FSIZE", "size of a file, in bytes"},
	{"DATA", "data segment, with brk(2) and private mappings, in bytes"},
	{"STACK", "stack of the main thread, in bytes"},
	{"CORE", "size of a core file, in bytes"},
	{"RSS", "resident memory: no effect since Linux 2.4.30, in bytes"},
	{"NPROC", "processes and threads of the user id in this container, in processes"},
	{"NOFILE", "one above the highest descriptor, in descriptors"},
	{"MEMLOCK", "locked memory, in bytes"},
	{"AS", "address space, in bytes"},
	{"LOCKS", "file locks: no effect since Linux 2.4.25, in locks"},
	{"SIGPENDING", "queued signals, in signals"},
	{"MSGQUEUE", "POSIX message queues, in bytes"},
	{"NICE", "highest priority that a process may set, in 20 minus the nice value"},
	{"RTPRIO", "highest real-time priority that a process may set, in priority"},
	{"RTTIME", "real-time processor time without a blocking call, in microseconds"},
}

// rlimit is a limit of setrlimit(2).
type rlimit struct {
	resource int
	cur, max uint64 // soft and hard; math.MaxUint64 is RLIM_INFINITY
}

// standardRlimits returns the default limits. The tutorial has only the first, with the value
// 64, which is too small for npm, JVMs and browsers. Without the others, the command would have
// the caller's limits. Root often has none: then a command could take real-time priority over
// all other processes, or write core files as large as its memory.
func standardRlimits() []rlimit {
	all := list(
		rlimit{unix.RLIMIT_NOFILE, 1024, 1024},
		rlimit{unix.RLIMIT_RTPRIO, 0, 0},
		rlimit{unix.RLIMIT_NICE, 0, 0},
		rlimit{unix.RLIMIT_CORE, 0, 0})
	var now unix.Rlimit
	if files := &all[0]; sysGetrlimit(files.resource, &now) == 0 { // the caller's own limit may be lower
		files.cur, files.max = min(files.cur, now.Max), min(files.max, now.Max)
	}
	return all
}

// setRlimits reads --rlimit. The limits that replace a resource group come between the defaults
// and the flags.
func (c *config) setRlimits(f *runFlags) error {
	all := addAll(standardRlimits(), c.group.standIn())
	for _, s := range f.Rlimit {
		r, err := parseRlimit(s)
		if err != nil {
			return err
		}
		others := all[:0]
		for _, o := range all {
			if o.resource != r.resource {
				others = add(others, o)
			}
		}
		all = add(others, r)
	}
	c.rlimits = all
	return nil
}

// parseRlimit reads NAME=SOFT[:HARD]. A value is a number, "max" or "unlimited".
func parseRlimit(s string) (rlimit, error) {
	n, value, given := cut(s, "=")
	if !given {
		return rlimit{}, badRlimit(s, "not NAME=SOFT or NAME=SOFT:HARD, for instance nofile=1024:4096")
	}
	r := rlimit{resource: -1}
	short := n
	if len(n) > len("RLIMIT_") && sameLetters(n[:len("RLIMIT_")], "RLIMIT_") {
		short = n[len("RLIMIT_"):]
	}
	for i := range rlimitTable {
		if sameLetters(short, rlimitTable[i].name) {
			r.resource = i
		}
	}
	if r.resource < 0 {
		return rlimit{}, fault(func() error {
			return fmt.Errorf("--rlimit=%s: there is no limit %q; the limits are %s", s, n, rlimitNames())
		})
	}
	soft, hard, two := cut(value, ":")
	if !two {
		hard = soft
	}
	var err error
	if r.cur, err = rlimitValue(soft); err != nil {
		return rlimit{}, fault(func() error { return fmt.Errorf("--rlimit=%s: %w", s, err) })
	}
	if r.max, err = rlimitValue(hard); err != nil {
		return rlimit{}, fault(func() error { return fmt.Errorf("--rlimit=%s: %w", s, err) })
	}
	if r.cur > r.max {
		return rlimit{}, badRlimit(s, text("the soft limit ", soft, " is above the hard limit ", hard))
	}
	return r, nil
}

func badRlimit(s, why string) error {
	return fault(func() error { return fmt.Errorf("--rlimit=%s: %s", s, why) })
}

func rlimitNames() string {
	var names []string
	for _, r := range rlimitTable {
		names = append(names, strings.ToLower(r.name))
	}
	return strings.Join(names, ", ")
}

func rlimitValue(s string) (uint64, error) {
	if s == "max" || s == "unlimited" {
		return math.MaxUint64, nil
	}
	if n, valid := number(s); valid && n != math.MaxUint64 {
		return n, nil
	}
	n, err := parseSize(s)
	if err != nil {
		return 0, fault(func() error {
			return fmt.Errorf("%q is not a limit: give a whole number (bytes also as 64MiB), or max", s)
		})
	}
	return n, nil
}

// rlimits sets the limits of the process that becomes the command.
func rlimits(all []rlimit) []*step {
	var steps []*step
	for _, r := range all {
		v := keep(unix.Rlimit{Cur: r.cur, Max: r.max})
		resource := arg{operand: operand{n: uintptr(r.resource)}, label: label{show: showResource}}
		steps = add(steps, call("prlimit64", unix.SYS_PRLIMIT64, num(0), resource, memory(unsafe.Pointer(v), showRlimit), null()).
			because(rlimitTable[r.resource].why).hinted(hintRlimit))
	}
	return steps
}

func showResource(a arg) string { return "RLIMIT_" + rlimitTable[a.n].name }

func hintRlimit(e syscall.Errno) string {
	if e == unix.EPERM {
		return "the limit is higher than the caller's own hard limit: see `ulimit -Ha`"
	}
	return ""
}

// Chapter 14, second half: the limits of a process.
//
// setrlimit(2), prlimit(2).
//
// Differs from the tutorial: it limited the launcher's open files, and not the
// command's. All 16 limits can be set, on the command itself.

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rlimitTable is indexed by the resource's number (asm-generic/resource.h).
var rlimitTable = []struct{ name, unit, why string }{
	{"CPU", "seconds", "processor time"},
	{"FSIZE", "bytes", "size of a file"},
	{"DATA", "bytes", "data segment, with brk(2) and private mappings"},
	{"STACK", "bytes", "stack of the main thread"},
	{"CORE", "bytes", "size of a core file"},
	{"RSS", "bytes", "resident memory: without effect since Linux 2.4.30"},
	{"NPROC", "processes", "processes and threads of the user id in this container"},
	{"NOFILE", "descriptors", "one above the highest descriptor"},
	{"MEMLOCK", "bytes", "locked memory"},
	{"AS", "bytes", "address space"},
	{"LOCKS", "locks", "file locks: without effect since Linux 2.4.25"},
	{"SIGPENDING", "signals", "queued signals"},
	{"MSGQUEUE", "bytes", "POSIX message queues"},
	{"NICE", "20 minus the nice value", "highest priority that may be taken"},
	{"RTPRIO", "priority", "highest real-time priority that may be taken"},
	{"RTTIME", "microseconds", "real-time processor time without a blocking call"},
}

type rlimit struct {
	resource int
	cur, max uint64 // soft and hard; math.MaxUint64 is RLIM_INFINITY
}

// defaultRlimits are the tutorial's.
var defaultRlimits = []rlimit{{unix.RLIMIT_NOFILE, 64, 64}}

// parseRlimit reads NAME=SOFT[:HARD]; a value is a number, or "max" or "unlimited".
func parseRlimit(s string) (rlimit, error) {
	n, value, ok := strings.Cut(s, "=")
	bad := func(format string, a ...any) (rlimit, error) {
		return rlimit{}, fmt.Errorf("--rlimit=%s: %s", s, fmt.Sprintf(format, a...))
	}
	if !ok {
		return bad("not NAME=SOFT or NAME=SOFT:HARD, for instance nofile=1024:4096")
	}
	r := rlimit{resource: -1}
	for i, row := range rlimitTable {
		if row.name == strings.TrimPrefix(strings.ToUpper(n), "RLIMIT_") {
			r.resource = i
		}
	}
	if r.resource < 0 {
		return bad("no such limit %q: one of %s", n, rlimitNames())
	}
	soft, hard, two := strings.Cut(value, ":")
	if !two {
		hard = soft
	}
	var err error
	if r.cur, err = rlimitValue(soft); err != nil {
		return bad("%v", err)
	}
	if r.max, err = rlimitValue(hard); err != nil {
		return bad("%v", err)
	}
	if r.cur > r.max {
		return bad("the soft limit %s is above the hard limit %s", soft, hard)
	}
	return r, nil
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
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && n != math.MaxUint64 {
		return n, nil
	}
	n, err := parseSize(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a limit: a whole number (bytes also as 64MiB), or max", s)
	}
	return n, nil
}

// rlimits sets the limits of the process that becomes the command.
func rlimits(c *config) []*step {
	var steps []*step
	for _, r := range c.rlimits {
		row := rlimitTable[r.resource]
		v := &unix.Rlimit{Cur: r.cur, Max: r.max}
		text := "{rlim_cur=" + rlimText(r.cur) + ", rlim_max=" + rlimText(r.max) + "}"
		steps = append(steps, call("prlimit64", unix.SYS_PRLIMIT64, num(0), name(r.resource, "RLIMIT_"+row.name),
			mem(unsafe.Pointer(v), text), null()).
			because(row.why+", in "+row.unit).hinted(hintRlimit))
	}
	return steps
}

// rlimText gives a limit as strace does: multiples of 1024 as such.
func rlimText(v uint64) string {
	switch {
	case v == math.MaxUint64:
		return "RLIM64_INFINITY"
	case v > 1024 && v%1024 == 0:
		return strconv.FormatUint(v/1024, 10) + "*1024"
	}
	return strconv.FormatUint(v, 10)
}

func hintRlimit(e syscall.Errno) string {
	if e == unix.EPERM {
		return "a limit above the caller's own hard limit: see `ulimit -Ha`"
	}
	return ""
}

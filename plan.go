// The plan: a container is a list of system calls.
//
// Every chapter (ns.go, mount.go, caps.go ...) is a function from the options to
// steps, and the plan is their concatenation; containerPlan in main.go shows the
// order. A step is one system call: its number, its six arguments, and how they
// read in strace's notation. The loop in clone.go makes the calls; `tincan plan`
// prints them; --debug logs them; an error quotes the one that failed.
//
// Two actors make the steps. Those of the container's first process are system
// calls and nothing else. Those of the host, which is to say of the launcher, are
// writes to files and the like that must be made from outside: they are ordinary
// Go, and stand in the same list at the place where they happen.
//
// Differs from the tutorial: it makes its calls where the program happens to be,
// so that there is no order to be read in one place, and nothing to print.

package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arg is one argument of a system call. Exactly one of n, p and kept is used:
// a number, a pointer, or the kept result of an earlier step. The pointer is an
// unsafe.Pointer and never a uintptr, or the collector would free what it points
// to before the loop runs.
type arg struct {
	n    uintptr
	p    unsafe.Pointer
	kept uintptr          // all ones if the argument is the kept result, else 0
	s    string           // what show prints, if it needs more than n
	show func(arg) string // nil for an argument that the call does not have
}

// who makes a step.
type actor uint8

const (
	child   actor = iota // the container's first process
	pid1                 // the same process once it is the init: after the fork
	command              // the process that becomes the command
	host                 // the launcher, in ordinary Go
	after                // the launcher, once the container has ended
)

func (a actor) String() string { return [...]string{"child", "init", "command", "host", "host"}[a] }

// step is one system call of the plan. The loop reads nr, args, may, least and
// keep; the rest is for the reader.
type step struct {
	call  string        // the system call's name, as in man 2
	nr    uintptr       // its number on this architecture
	args  [6]arg        //
	may   syscall.Errno // the one errno that is as good as success
	least uintptr       // the smallest result that is a success: 1 for a read
	keep  uintptr       // all ones if the result is to be kept for later steps

	chapter int    // the tutorial's step, 1 to 16
	why     string // the reason, for `plan --explain` and --step
	hint    func(syscall.Errno) string

	index int // in the plan, of a step in a childPlan
	actor actor
	do    func(*launch) error // the host's steps: what is done
	heard func(*launch) error // a child's write to the launcher: what is done when it comes
}

// String gives the step as strace shows the call, without its result.
func (s *step) String() string {
	var b strings.Builder
	b.WriteString(s.call)
	b.WriteByte('(')
	for i, a := range s.args {
		if a.show == nil {
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.show(a))
	}
	b.WriteByte(')')
	return b.String()
}

// stepError says which step failed and how. It wraps the errno, so that
// errors.Is(err, unix.EPERM) works.
type stepError struct {
	step  *step
	index int // in the whole plan, from 1
	total int
	errno syscall.Errno // 0: the result was below step.least
}

func (e *stepError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

func (e *stepError) Error() string {
	t := fmt.Sprintf("step %d of %d: %s", e.index, e.total, callError(e.step.String(), e.errno))
	if e.step.hint != nil {
		if h := e.step.hint(e.errno); h != "" {
			t += "\n" + h
		}
	}
	return t
}

// callError gives a failed call as strace does: CALL = ERRNO (text).
func callError(call string, errno syscall.Errno) string {
	if errno == 0 {
		return call + " = 0 (end of file: the other side is gone)"
	}
	return fmt.Sprintf("%s = %s (%s)", call, errnoName(errno), errno.Error())
}

func errnoName(e syscall.Errno) string {
	if n := unix.ErrnoName(e); n != "" {
		return n
	}
	return fmt.Sprintf("errno %d", int(e))
}

// hostError is a failed call of the host's, which has no number in the plan.
type hostError struct {
	call string
	err  error
	hint string
}

func (e *hostError) Unwrap() error { return e.err }
func (e *hostError) Error() string {
	var errno syscall.Errno
	t := e.call + ": " + e.err.Error()
	if errors.As(e.err, &errno) {
		t = callError(e.call, errno)
	}
	if e.hint != "" {
		t += "\n" + e.hint
	}
	return t
}

// The argument constructors. Each gives a value for the kernel and a way to print
// it; printing is put off until somebody asks, since a plan is mostly run unread.

func null() arg         { return arg{show: showNull} }
func num(n uintptr) arg { return arg{n: n, show: showNum} }
func mode(m uint32) arg { return arg{n: uintptr(m), show: showMode} }
func kept() arg         { return arg{kept: ^uintptr(0), show: showKept} }

// name is a number that has a name: PR_SET_PDEATHSIG, AT_FDCWD.
func name(n int, text string) arg { return arg{n: uintptr(n), s: text, show: showText} }

// cstring is a NUL-terminated string. The parent has refused strings that hold a NUL.
func cstring(s string) arg {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return arg{p: unsafe.Pointer(&b[0]), s: s, show: showQuoted}
}

// mem is a pointer to something that the kernel reads or writes, with the text
// that strace prints for it.
func mem(p unsafe.Pointer, text string) arg { return arg{p: p, s: text, show: showText} }

// fd is a descriptor the launcher opened. Its number is known when it is opened,
// not when the plan is printed, so the text is its name in capitals.
func fd(n int, text string) arg { return arg{n: uintptr(n), s: text, show: showText} }

// flags is a set of bits that a table names.
func flags(n uintptr, table []flagName) arg {
	return arg{n: n, p: nil, s: "", show: func(a arg) string { return flagText(a.n, table) }}
}

func showNull(arg) string     { return "NULL" }
func showNum(a arg) string    { return fmt.Sprint(a.n) }
func showMode(a arg) string   { return modeText(uint32(a.n)) }
func showKept(arg) string     { return "KEPT" }
func showText(a arg) string   { return a.s }
func showQuoted(a arg) string { return quote(a.s) }

// flagName is a bit and the kernel's name for it.
type flagName struct {
	bit  uintptr
	name string
}

// flagText joins the names of the bits of n with "|", as strace does; what has no
// name is added as a hexadecimal number.
func flagText(n uintptr, table []flagName) string {
	if n == 0 {
		return "0"
	}
	var parts []string
	for _, f := range table {
		if n&f.bit == f.bit {
			parts = append(parts, f.name)
			n &^= f.bit
		}
	}
	if n != 0 {
		parts = append(parts, fmt.Sprintf("%#x", n))
	}
	return strings.Join(parts, "|")
}

// modeText gives a file mode as strace does: in octal, its type by name.
func modeText(m uint32) string {
	t := ""
	switch m & unix.S_IFMT {
	case unix.S_IFREG:
		t = "S_IFREG|"
	case unix.S_IFCHR:
		t = "S_IFCHR|"
	}
	return t + fmt.Sprintf("%#03o", m&0o7777)
}

// quote gives s as strace does with -s: C's escapes, octal for what is not
// printable ASCII.
func quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\t':
			b.WriteString(`\t`)
		case '\r':
			b.WriteString(`\r`)
		case '\v':
			b.WriteString(`\v`)
		case '\f':
			b.WriteString(`\f`)
		default:
			if c >= ' ' && c < 0x7f {
				b.WriteByte(c)
			} else if i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
				fmt.Fprintf(&b, `\%03o`, c)
			} else {
				fmt.Fprintf(&b, `\%o`, c)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// The text of a step, in strace's notation.
//
// strace(1).
//
// The same line of text is printed by `tincan plan`, logged by --debug, quoted by an error and
// shown by `strace -f`. Making it needs Go's runtime, and it is made only when somebody reads
// it.

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

// String returns the actor's name in the plan.
func (a actor) String() string { return [...]string{"child", "init", "command", "host", "host"}[a] }

// String returns the call as strace shows it, without its result.
func (s *step) String() string {
	var b strings.Builder
	if s.words == nil { // made before the runtime started, when only the init's steps have words
		return "(...)"
	}
	b.WriteString(s.call)
	b.WriteByte('(')
	for i, l := range s.labels {
		if l.show == nil {
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(l.show(arg{s.args[i], l, nowhere}))
	}
	b.WriteByte(')')
	return b.String()
}

// showNull and the functions below print an argument as strace does.
func showNull(arg) string     { return "NULL" }
func showNum(a arg) string    { return fmt.Sprint(a.n) }
func showMode(a arg) string   { return modeText(uint32(a.n)) }
func showUmask(a arg) string  { return fmt.Sprintf("%03o", a.n) }
func showText(a arg) string   { return a.s }
func showQuoted(a arg) string { return quote(a.s) }

func showMountFlags(a arg) string   { return flagText(a.n, mountFlags) }
func showCloneFlags(a arg) string   { return flagText(a.n, cloneFlags) }
func showSeccompFlags(a arg) string { return flagText(a.n, seccompFlags) }

// showClone shows the argument of clone3(2). Of its fields, only the flags are interesting.
func showClone(a arg) string {
	return "{flags=" + flagText(a.n, cloneFlags) + ", exit_signal=SIGCHLD}"
}

func showMountAttr(a arg) string { return mountAttrText((*unix.MountAttr)(a.p).Attr_set, "0") }

// mountAttrText returns a struct mount_attr as strace shows it.
func mountAttrText(set uint64, userns string) string {
	return "{attr_set=" + flagText(uintptr(set), mountAttrs) + ", attr_clr=0, propagation=0, userns_fd=" + userns + "}"
}

func showRlimit(a arg) string {
	r := (*unix.Rlimit)(a.p)
	return "{rlim_cur=" + rlimText(r.Cur) + ", rlim_max=" + rlimText(r.Max) + "}"
}

// rlimText returns a limit as strace shows it, for instance 64*1024.
func rlimText(v uint64) string {
	switch {
	case v == math.MaxUint64:
		return "RLIM64_INFINITY"
	case v > 1024 && v%1024 == 0:
		return strconv.FormatUint(v/1024, 10) + "*1024"
	}
	return strconv.FormatUint(v, 10)
}

func showProgram(a arg) string {
	return "{len=" + strconv.Itoa(int((*unix.SockFprog)(a.p).Len)) + ", filter=FILTER}"
}

func showOpenHow(a arg) string { return "{flags=O_RDONLY|O_CLOEXEC|O_PATH, resolve=" + a.s + "}" }

func showDevice(a arg) string {
	return fmt.Sprintf("makedev(%s, %s)", hex(uint32(a.n>>8)), hex(uint32(a.n&0xff)))
}

// hex returns a device number as strace shows it, in hexadecimal.
func hex(n uint32) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}

func showPid(a arg) string { return "[" + strconv.Itoa(int(*(*int32)(a.p))) + "]" }

func showSigset(a arg) string { return sigsetText(*(*uint64)(a.p)) }

// showVector and showEnv show the arrays of execve(2), which end with NULL.
func showVector(a arg) string { return vectorText(stringsAt(a.p)) }

func showEnv(a arg) string { return "ENVP /* " + plural(len(stringsAt(a.p)), "var") + " */" }

func stringsAt(p unsafe.Pointer) []string {
	var out []string
	for i := 0; ; i++ {
		at := *(*unsafe.Pointer)(unsafe.Add(p, i*int(unsafe.Sizeof(p))))
		if at == nil {
			return out
		}
		out = append(out, gostring(at))
	}
}

// flagName is a bit and its name in the kernel's headers.
type flagName struct {
	bit  uintptr
	name string
}

// flagText returns the names of the bits of n, joined with "|" as strace does it. Bits without a
// name are added as a hexadecimal number.
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

// modeText returns a file mode as strace shows it: the type by name, the permissions in octal.
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

// sigsetText returns a signal set as strace shows it: "[INT TERM]".
func sigsetText(set uint64) string {
	var in []string
	for i := 1; i <= 64; i++ {
		if set>>(i-1)&1 == 1 {
			in = append(in, strings.TrimPrefix(signalName(syscall.Signal(i)), "SIG"))
		}
	}
	return "[" + strings.Join(in, " ") + "]"
}

// vectorText returns words as strace shows an array of strings.
func vectorText(v []string) string {
	q := make([]string, len(v))
	for i, s := range v {
		q[i] = quote(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// quote returns s in quotes as strace shows it: with C's escapes, and in octal what is not
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

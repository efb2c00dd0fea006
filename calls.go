// The step constructors: one for each system call a plan can hold, with its
// arguments in the order and the spelling of its man page in section 2.
//
// The calls that only take paths have ...at forms here (mkdirat for mkdir), since
// newer architectures such as arm64 have no others; with AT_FDCWD they do the same.

package main

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func call(name string, nr uintptr, args ...arg) *step {
	s := &step{call: name, nr: nr}
	copy(s.args[:], args)
	return s
}

// or allows one errno: with it the call counts as made.
func (s *step) or(e syscall.Errno) *step { s.may = e; return s }

// because gives the reason.
func (s *step) because(why string) *step { s.why = why; return s }

// hinted adds a function that says what to do about an errno; it is added to the
// facts of the error and never replaces them.
func (s *step) hinted(f func(syscall.Errno) string) *step { s.hint = f; return s }

func atCwd() arg { return name(unix.AT_FDCWD, "AT_FDCWD") }

// optional is a path, or NULL for the empty string.
func optional(s string) arg {
	if s == "" {
		return null()
	}
	return cstring(s)
}

var mountFlags = []flagName{
	{unix.MS_RDONLY, "MS_RDONLY"}, {unix.MS_NOSUID, "MS_NOSUID"}, {unix.MS_NODEV, "MS_NODEV"},
	{unix.MS_NOEXEC, "MS_NOEXEC"}, {unix.MS_REMOUNT, "MS_REMOUNT"}, {unix.MS_BIND, "MS_BIND"}, {unix.MS_MOVE, "MS_MOVE"},
	{unix.MS_REC, "MS_REC"}, {unix.MS_PRIVATE, "MS_PRIVATE"},
}

// mount is mount(2). Empty strings are NULL.
func mount(source, target, fstype string, f uintptr, data string) *step {
	return call("mount", unix.SYS_MOUNT, optional(source), cstring(target), optional(fstype), flags(f, mountFlags), optional(data))
}

var mountAttrs = []flagName{
	{unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"}, {unix.MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
	{unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"}, {unix.MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
}

// mountSetattr is mount_setattr(2), which adds attributes to the mount at target
// (an absolute path) and, with at AT_RECURSIVE, to every mount below it.
func mountSetattr(target string, at int, set uint64) *step {
	a := &unix.MountAttr{Attr_set: set}
	atArg := name(at, "0")
	if at == unix.AT_RECURSIVE {
		atArg = name(at, "AT_RECURSIVE")
	}
	text := arg{p: unsafe.Pointer(a), show: func(arg) string {
		return fmt.Sprintf("{attr_set=%s, attr_clr=0, propagation=0 /* MS_??? */, userns_fd=0}", flagText(uintptr(set), mountAttrs))
	}}
	return call("mount_setattr", unix.SYS_MOUNT_SETATTR, atCwd(), cstring(target), atArg, text, num(unsafe.Sizeof(*a)))
}

func umount(target string) *step {
	return call("umount2", unix.SYS_UMOUNT2, cstring(target), name(unix.MNT_DETACH, "MNT_DETACH"))
}

func chroot(dir string) *step { return call("chroot", unix.SYS_CHROOT, cstring(dir)) }

func rmdir(dir string) *step {
	return call("unlinkat", unix.SYS_UNLINKAT, atCwd(), cstring(dir), name(unix.AT_REMOVEDIR, "AT_REMOVEDIR"))
}

func pivotRoot(newRoot, putOld string) *step {
	return call("pivot_root", unix.SYS_PIVOT_ROOT, cstring(newRoot), cstring(putOld))
}

func chdir(dir string) *step { return call("chdir", unix.SYS_CHDIR, cstring(dir)) }

func mkdir(dir string, m uint32) *step {
	return call("mkdirat", unix.SYS_MKDIRAT, atCwd(), cstring(dir), mode(m))
}

// mkfile makes an empty file to mount something on.
func mkfile(file string) *step {
	return call("mknodat", unix.SYS_MKNODAT, atCwd(), cstring(file), mode(unix.S_IFREG|0o644)) // and the device 0, which strace leaves out
}

func symlink(target, link string) *step {
	return call("symlinkat", unix.SYS_SYMLINKAT, cstring(target), atCwd(), cstring(link))
}

func umask(m uint32) *step {
	return call("umask", unix.SYS_UMASK, arg{n: uintptr(m), show: func(a arg) string { return fmt.Sprintf("%03o", a.n) }})
}

// prctl is prctl(2) with one argument; the kernel wants the others to be 0 where
// it looks at them at all.
func prctl(option int, text string, a arg) *step {
	return call("prctl", unix.SYS_PRCTL, name(option, text), a)
}

// prctl5 is prctl(2) for the options whose unused arguments strace prints.
func prctl5(option int, text string, a arg) *step {
	return call("prctl", unix.SYS_PRCTL, name(option, text), a, num(0), num(0), num(0))
}

func sethostname(s string) *step {
	return call("sethostname", unix.SYS_SETHOSTNAME, cstring(s), num(uintptr(len(s))))
}

func closeFD(a arg) *step { return call("close", unix.SYS_CLOSE, a) }

// writeBytes is write(2) of the whole of s: less is a failure.
func writeBytes(to arg, s string) *step {
	w := call("write", unix.SYS_WRITE, to, cstring(s), num(uintptr(len(s))))
	w.least = uintptr(len(s))
	return w
}

// readByte is read(2) of one byte. End of file, a result of 0, is a failure.
func readByte(from arg) *step {
	b := new([1]byte)
	r := call("read", unix.SYS_READ, from, mem(unsafe.Pointer(b), `"\1"`), num(1))
	r.least = 1
	return r
}

// sendDescriptor is sendmsg(2) of one byte and a descriptor (unix(7), SCM_RIGHTS).
func sendDescriptor(to arg, n int, text string) *step {
	control := make([]byte, unix.CmsgSpace(4))
	copy(control, unix.UnixRights(n))
	iov := &unix.Iovec{Base: new(byte)}
	iov.SetLen(1)
	m := &unix.Msghdr{Iov: iov, Iovlen: 1, Control: &control[0]}
	m.SetControllen(len(control))
	return call("sendmsg", unix.SYS_SENDMSG, to,
		mem(unsafe.Pointer(m), `{msg_iov=[{iov_base="\0", iov_len=1}], msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[`+text+`]}]}`), num(0))
}

func unshare(n uintptr) *step {
	return call("unshare", unix.SYS_UNSHARE, flags(n, cloneFlags))
}

func setgroups() *step { return call("setgroups", unix.SYS_SETGROUPS, num(0), null()) }

func setresgid(id int) *step {
	n := num(uintptr(id))
	return call("setresgid", unix.SYS_SETRESGID, n, n, n)
}

func setresuid(id int) *step {
	n := num(uintptr(id))
	return call("setresuid", unix.SYS_SETRESUID, n, n, n)
}

func setpgid() *step { return call("setpgid", unix.SYS_SETPGID, num(0), num(0)) }

// sigmask is rt_sigprocmask(SIG_SETMASK). The set is filled in by the launcher
// just before the clone, when it knows its own.
func sigmask(set *uint64) *step {
	const sigsetsize = 8 // bytes of the kernel's sigset_t: 64 signals
	return call("rt_sigprocmask", unix.SYS_RT_SIGPROCMASK, name(unix.SIG_SETMASK, "SIG_SETMASK"),
		arg{p: unsafe.Pointer(set), show: func(arg) string { return sigsetText(*set) }}, null(), num(sigsetsize))
}

// sigsetText gives a signal set as strace does: "[INT TERM]", or "~[...]" for a
// set that is nearly full.
func sigsetText(set uint64) string {
	var in []string
	for i := 1; i <= 64; i++ {
		if set>>(i-1)&1 == 1 {
			in = append(in, strings.TrimPrefix(signalName(syscall.Signal(i)), "SIG"))
		}
	}
	return "[" + strings.Join(in, " ") + "]"
}

// fork is clone(2) with no flags but the signal that tells the parent of the end:
// what fork(2) is on every architecture. Its result is kept: it is 0 in the new
// process.
func fork() *step {
	s := call("clone", unix.SYS_CLONE, arg{n: uintptr(unix.SIGCHLD), show: func(arg) string { return "child_stack=NULL, flags=SIGCHLD" }})
	s.keep = ^uintptr(0)
	return s
}

// execve is execve(2). argv and envp end with nil, as execve wants them.
func execve(file string, argv, envp []*byte, args []string) *step {
	return call("execve", unix.SYS_EXECVE, cstring(file),
		arg{p: unsafe.Pointer(&argv[0]), show: func(arg) string { return vectorText(args) }},
		mem(unsafe.Pointer(&envp[0]), "ENVP /* "+plural(len(envp)-1, "var")+" */"))
}

func vectorText(v []string) string {
	q := make([]string, len(v))
	for i, s := range v {
		q[i] = quote(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// plural is "1 var", "2 vars", "2 processes".
func plural(n int, word string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(word, "s"):
		word += "es"
	default:
		word += "s"
	}
	return strconv.Itoa(n) + " " + word
}

// cstrings gives the NULL-terminated array of C strings that execve wants.
func cstrings(v []string) []*byte {
	out := make([]*byte, len(v)+1)
	for i, s := range v {
		b := make([]byte, len(s)+1)
		copy(b, s)
		out[i] = &b[0]
	}
	return out
}

// The constructors of steps: one for each system call that a plan can contain. The arguments
// have the order and the spelling of the man page in section 2.
//
// Calls that take a path are made in their ...at form (mkdirat for mkdir), because newer
// architectures such as arm64 have only these. With AT_FDCWD they do the same.

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atCwd returns the argument AT_FDCWD.
func atCwd() arg { return name(unix.AT_FDCWD, "AT_FDCWD") }

// cloneFlags names the flags of clone(2) and unshare(2) that are used here, in the order in
// which strace prints them.
var cloneFlags = []flagName{
	{unix.CLONE_PIDFD, "CLONE_PIDFD"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND"},
	{unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"},
}

// mountFlags names the flags of mount(2), in the order in which strace prints them.
var mountFlags = []flagName{
	{unix.MS_RDONLY, "MS_RDONLY"}, {unix.MS_NOSUID, "MS_NOSUID"}, {unix.MS_NODEV, "MS_NODEV"},
	{unix.MS_NOEXEC, "MS_NOEXEC"}, {unix.MS_REMOUNT, "MS_REMOUNT"}, {unix.MS_BIND, "MS_BIND"}, {unix.MS_MOVE, "MS_MOVE"},
	{unix.MS_REC, "MS_REC"}, {unix.MS_PRIVATE, "MS_PRIVATE"},
}

// mountAttrs names the attributes of mount_setattr(2), in the order in which strace prints
// them.
var mountAttrs = []flagName{
	{unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"}, {unix.MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
	{unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"}, {unix.MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
	{unix.MOUNT_ATTR_IDMAP, "MOUNT_ATTR_IDMAP"},
}

// seccompFlags names the flags of seccomp(2) that a profile can ask for.
var seccompFlags = []flagName{
	{unix.SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"},
	{unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
	{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, "SECCOMP_FILTER_FLAG_NEW_LISTENER"},
	{unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
}

// mount is mount(2). An empty string stands for NULL.
func mount(source, target, fstype string, f uintptr, data string) *step {
	return call("mount", unix.SYS_MOUNT, optional(source), cstring(target), optional(fstype), flags(f, showMountFlags), optional(data)).as(makesMount)
}

// mountSetattr is mount_setattr(2). It adds attributes to the mount at target, an absolute path,
// and with AT_RECURSIVE to every mount below it.
func mountSetattr(target string, at int, set uint64) *step {
	recursive := name(at, "0")
	if at == unix.AT_RECURSIVE {
		recursive = name(at, "AT_RECURSIVE")
	}
	a := keep(unix.MountAttr{Attr_set: set})
	return call("mount_setattr", unix.SYS_MOUNT_SETATTR, atCwd(), cstring(target), recursive,
		memory(unsafe.Pointer(a), showMountAttr), num(unsafe.Sizeof(*a))).as(changesMount)
}

// openPlace is openat2(2) of a path, and keeps the descriptor. A symlink anywhere in the path is
// an error: there was none when the launcher looked, so it was put there since.
func openPlace(file string) *step {
	return openPath(file, unix.RESOLVE_NO_SYMLINKS, "RESOLVE_NO_SYMLINKS").placing().hinted(hintOpenPlace)
}

// openPath is openat2(2) with O_PATH. resolve says which links in the path are errors.
func openPath(file string, resolve uint64, name string) *step {
	how := keep(unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve})
	return call("openat2", unix.SYS_OPENAT2, atCwd(), cstring(file),
		arg{operand{p: unsafe.Pointer(how)}, label{name, showOpenHow}, nowhere}, num(unsafe.Sizeof(*how)))
}

// openTree is open_tree(2). It keeps a copy of the mount at a kept place; the copy is not
// attached anywhere. below is a name below that place, not a symlink; "" means the place itself.
func openTree(below string, recursive bool) *step {
	f, names := uintptr(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC), "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC"
	if below == "" {
		f, names = f|unix.AT_EMPTY_PATH, text(names, "|AT_EMPTY_PATH")
	} else {
		f, names = f|unix.AT_SYMLINK_NOFOLLOW, text(names, "|AT_SYMLINK_NOFOLLOW")
	}
	if recursive {
		f, names = f|unix.AT_RECURSIVE, text(names, "|AT_RECURSIVE")
	}
	return call("open_tree", unix.SYS_OPEN_TREE, keptPlace(), cstring(below), name(int(f), names)).keeping().hinted(hintMountCalls)
}

// treeSetattr is mount_setattr(2) on the kept copy and all mounts below it.
func treeSetattr(set uint64) *step {
	a := keep(unix.MountAttr{Attr_set: set})
	return call("mount_setattr", unix.SYS_MOUNT_SETATTR, keptTree(), cstring(""), name(unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, "AT_EMPTY_PATH|AT_RECURSIVE"),
		memory(unsafe.Pointer(a), showMountAttr), num(unsafe.Sizeof(*a))).hinted(hintMountCalls)
}

// moveMount is move_mount(2) of the kept copy. It attaches the copy at the path to or, if that
// is "", at the kept place.
func moveMount(to string) *step {
	if to != "" {
		return call("move_mount", unix.SYS_MOVE_MOUNT, keptTree(), cstring(""), atCwd(), cstring(to), name(unix.MOVE_MOUNT_F_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH")).hinted(hintMountCalls)
	}
	return call("move_mount", unix.SYS_MOVE_MOUNT, keptTree(), cstring(""), keptPlace(), cstring(""),
		name(unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH")).hinted(hintMountCalls)
}

func hintOpenPlace(e syscall.Errno) string {
	if e == unix.ELOOP {
		return "this path contains a symlink that was not there when tincan checked it: something else is changing this directory"
	}
	return hintMountCalls(e)
}

// hintMountCalls returns the hint for calls that a filter around tincan may refuse.
func hintMountCalls(e syscall.Errno) string {
	if (e == unix.ENOSYS || e == unix.EPERM) && hintFilter() != "" {
		return "a seccomp filter around tincan refuses this call; it must allow openat2, open_tree, move_mount and mount_setattr (docker run --security-opt seccomp=FILE)"
	}
	return ""
}

// fchdir is fchdir(2).
func fchdir(a arg) *step { return call("fchdir", unix.SYS_FCHDIR, a) }

// mkdevice makes the node of a character device that every user may use.
func mkdevice(file string, major, minor uint32) *step {
	device := arg{operand: operand{n: uintptr(major<<8 | minor)}, label: label{show: showDevice}} // makedev(3), for small numbers
	return call("mknodat", unix.SYS_MKNODAT, atCwd(), cstring(file), name(unix.S_IFCHR|0o666, "S_IFCHR|0666"), device)
}

// umount is umount2(2) with MNT_DETACH.
func umount(target string) *step {
	return call("umount2", unix.SYS_UMOUNT2, cstring(target), name(unix.MNT_DETACH, "MNT_DETACH"))
}

// chroot is chroot(2).
func chroot(dir string) *step {
	return call("chroot", unix.SYS_CHROOT, cstring(dir))
}

// rmdir is rmdir(2).
func rmdir(dir string) *step {
	return call("unlinkat", unix.SYS_UNLINKAT, atCwd(), cstring(dir), name(unix.AT_REMOVEDIR, "AT_REMOVEDIR"))
}

// pivotRoot is pivot_root(2).
func pivotRoot(newRoot, putOld string) *step {
	return call("pivot_root", unix.SYS_PIVOT_ROOT, cstring(newRoot), cstring(putOld)).as(pivots)
}

// chdir is chdir(2).
func chdir(dir string) *step {
	return call("chdir", unix.SYS_CHDIR, cstring(dir))
}

// mkdir is mkdir(2).
func mkdir(dir string, m uint32) *step {
	return call("mkdirat", unix.SYS_MKDIRAT, atCwd(), cstring(dir), mode(m))
}

// mkfile makes an empty file, to mount something on.
func mkfile(file string) *step {
	return call("mknodat", unix.SYS_MKNODAT, atCwd(), cstring(file), mode(unix.S_IFREG|0o644)) // the device argument is 0, which strace does not print
}

// chown is fchownat(2).
func chown(file string, uid, gid int) *step {
	return call("fchownat", unix.SYS_FCHOWNAT, atCwd(), cstring(file), num(uintptr(uid)), num(uintptr(gid)), num(0))
}

// symlink is symlink(2).
func symlink(target, link string) *step {
	return call("symlinkat", unix.SYS_SYMLINKAT, cstring(target), atCwd(), cstring(link))
}

// umask is umask(2).
func umask(m uint32) *step {
	return call("umask", unix.SYS_UMASK, arg{operand: operand{n: uintptr(m)}, label: label{show: showUmask}})
}

// prctl is prctl(2) with one argument. The others are 0, as the kernel requires where it checks
// them.
func prctl(option int, text string, a arg) *step {
	return call("prctl", unix.SYS_PRCTL, name(option, text), a)
}

// prctl5 is prctl(2) for options whose unused arguments strace prints.
func prctl5(option int, text string, a arg) *step {
	return call("prctl", unix.SYS_PRCTL, name(option, text), a, num(0), num(0), num(0))
}

// sethostname is sethostname(2).
func sethostname(s string) *step {
	return call("sethostname", unix.SYS_SETHOSTNAME, cstring(s), num(uintptr(len(s))))
}

// closeFD is close(2).
func closeFD(a arg) *step { return call("close", unix.SYS_CLOSE, a) }

// closeRange is close_range(2) without flags.
func closeRange(first, last arg) *step {
	s := call("close_range", unix.SYS_CLOSE_RANGE, first, last, num(0))
	if s.words == nil { // errors of the init are put into words after the container has ended
		s.words = keep(words{call: "close_range", labels: [6]label{first.label, last.label, num(0).label}})
	}
	return s
}

// openForWriting is openat(2) of an absolute path, for writing. It keeps the descriptor.
func openForWriting(file string) *step {
	return call("openat", unix.SYS_OPENAT, atCwd(), cstring(file), name(unix.O_WRONLY|unix.O_CLOEXEC, "O_WRONLY|O_CLOEXEC")).keeping()
}

// writeBytes is write(2) of all of s. A shorter write is a failure.
func writeBytes(to arg, s string) *step {
	w := call("write", unix.SYS_WRITE, to, cstring(s), num(uintptr(len(s))))
	w.least = int32(len(s))
	return w
}

// readByte is read(2) of one byte. End of file (a result of 0) is a failure.
func readByte(from arg) *step {
	r := call("read", unix.SYS_READ, from, mem(unsafe.Pointer(one[[1]byte]()), `"\1"`), num(1))
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

// unshare is unshare(2).
func unshare(n uintptr) *step {
	return call("unshare", unix.SYS_UNSHARE, flags(n, showCloneFlags))
}

// setgroups is setgroups(2).
func setgroups(groups []uint32) *step {
	if len(groups) == 0 {
		return call("setgroups", unix.SYS_SETGROUPS, num(0), null())
	}
	return call("setgroups", unix.SYS_SETGROUPS, num(uintptr(len(groups))), mem(unsafe.Pointer(unsafe.SliceData(groups)), groupsText(groups)))
}

// groupsText returns group ids as strace shows them.
func groupsText(groups []uint32) string {
	var out []string
	for _, g := range groups {
		out = add(out, unsigned(uint64(g)))
	}
	return text("[", join(out, ", "), "]")
}

// setresgid is setresgid(2) with the same id three times.
func setresgid(id int) *step {
	n := num(uintptr(id))
	return call("setresgid", unix.SYS_SETRESGID, n, n, n)
}

// setresuid is setresuid(2) with the same id three times.
func setresuid(id int) *step {
	n := num(uintptr(id))
	return call("setresuid", unix.SYS_SETRESUID, n, n, n)
}

// seteuid is setresuid(2) with only the effective id.
func seteuid(id int) *step {
	same := name(-1, "-1")
	return call("setresuid", unix.SYS_SETRESUID, same, num(uintptr(id)), same)
}

// setpgid is setpgid(2) for a new process group of the caller's.
func setpgid() *step { return call("setpgid", unix.SYS_SETPGID, num(0), num(0)) }

// setsid is setsid(2).
func setsid() *step { return call("setsid", unix.SYS_SETSID) }

// sigmask is rt_sigprocmask(SIG_SETMASK). The launcher fills in the set just before the clone,
// when it knows its own mask.
func sigmask(set *uint64) *step {
	return call("rt_sigprocmask", unix.SYS_RT_SIGPROCMASK, name(unix.SIG_SETMASK, "SIG_SETMASK"),
		memory(unsafe.Pointer(set), showSigset), null(), num(sigsetSize))
}

// fork is clone(2) with CLONE_VM, and with SIGCHLD as the signal at the end. The new process has the
// same memory, but a stack of its own (cloneShared). The kernel takes the flags first on every
// architecture; strace shows the stack first.
func fork() *step {
	const below = 1536 // for the calls of the steps, which need a third of it
	stack := space(below + copiedStack)
	return call("clone", unix.SYS_CLONE, name(unix.CLONE_VM|int(unix.SIGCHLD), "child_stack=STACK, flags=CLONE_VM|SIGCHLD"),
		arg{operand: operand{p: unsafe.Pointer(&stack[below])}})
}

// execve is execve(2).
func execve(file string, argv, envp []unsafe.Pointer) *step {
	return call("execve", unix.SYS_EXECVE, cstring(file),
		memory(unsafe.Pointer(&argv[0]), showVector), memory(unsafe.Pointer(&envp[0]), showEnv)).as(executes)
}

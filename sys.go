// System calls, in both modes.
//
// Each function makes the call of its man page in section 2, and returns the result and the
// errno, which is 0 for success. No function here makes an error of it, because only the caller
// knows what the call was for. A call that a signal has interrupted is made again.
//
// Strings are copied, with a zero byte after them (cstr). Pointers are passed as unsafe.Pointer
// up to the call itself, so that they stay right when the stack is moved.
//
// The file is longer than others so that all calls are in one place.
//
// Before the runtime starts, every call is a raw one. Once it runs, calls that may block are
// made by Go's own syscall package, so that other goroutines can go on. The function blocking
// chooses between the two.
//
// Differs from the tutorial: the tutorial calls the C library's functions.

package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ok is the errno of success.
const ok = syscall.Errno(0)

// rawCall makes a system call and does nothing else (rawcall_*.s). It lies beside our own
// functions in the program; syscall.RawSyscall6 would be two more pages to load.
//
//go:noescape
func rawCall(nr, a0, a1, a2, a3, a4, a5 uintptr) (r uintptr, e syscall.Errno)

// blocking makes a call that may take long. The call's second argument is p or n, and its fourth
// is q or m. A pointer must stay a pointer until the call.
//
//go:noinline
//tincan:both
func blocking(nr, a uintptr, p unsafe.Pointer, n, b uintptr, q unsafe.Pointer, m uintptr) (int, syscall.Errno) {
	for {
		var r uintptr
		var e syscall.Errno
		if early {
			r, e = rawCall(nr, a, uintptr(p)|n, b, uintptr(q)|m, 0, 0)
		} else {
			r, _, e = syscall.Syscall6(nr, a, uintptr(p)|n, b, uintptr(q)|m, 0, 0)
		}
		if e != unix.EINTR {
			return int(r), e
		}
	}
}

// sysOpenat is openat(2). The descriptor is always close-on-exec.
func sysOpenat(dir int, path string, flags int, mode uint32) (int, syscall.Errno) {
	p := cstr(path)
	for {
		r, e := rawCall(unix.SYS_OPENAT, uintptr(dir), uintptr(p), uintptr(flags|unix.O_CLOEXEC), uintptr(mode), 0, 0)
		if e != unix.EINTR {
			return int(r), e
		}
	}
}

// sysOpen is open(2). The descriptor is always close-on-exec.
func sysOpen(path string, flags int, mode uint32) (int, syscall.Errno) {
	return sysOpenat(unix.AT_FDCWD, path, flags, mode)
}

// sysOpenat2 is openat2(2). The descriptor is always close-on-exec.
func sysOpenat2(dir int, path string, flags, resolve uint64) (int, syscall.Errno) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	for {
		r, e := rawCall(unix.SYS_OPENAT2, uintptr(dir), uintptr(cstr(path)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		if e != unix.EINTR && e != unix.EAGAIN { // EAGAIN: a file was renamed at the same time (openat2(2))
			return int(r), e
		}
	}
}

// sysClose is close(2).
func sysClose(fd int) { rawCall(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0) }

// sysRead is read(2).
func sysRead(fd int, b []byte) (int, syscall.Errno) {
	return blocking(unix.SYS_READ, uintptr(fd), unsafe.Pointer(unsafe.SliceData(b)), 0, uintptr(len(b)), nil, 0)
}

// sysPread is pread(2).
func sysPread(fd int, b []byte, at int) (int, syscall.Errno) {
	return blocking(unix.SYS_PREAD64, uintptr(fd), unsafe.Pointer(unsafe.SliceData(b)), 0, uintptr(len(b)), nil, uintptr(at))
}

// sysWrite is write(2), made once: files of procfs and cgroupfs take a value in a single call.
func sysWrite(fd int, s string) (int, syscall.Errno) {
	return blocking(unix.SYS_WRITE, uintptr(fd), unsafe.Pointer(unsafe.StringData(s)), 0, uintptr(len(s)), nil, 0)
}

// sysPwrite is pwrite(2).
func sysPwrite(fd int, s string, at int) (int, syscall.Errno) {
	return blocking(unix.SYS_PWRITE64, uintptr(fd), unsafe.Pointer(unsafe.StringData(s)), 0, uintptr(len(s)), nil, uintptr(at))
}

// sysLseek is lseek(2).
func sysLseek(fd, offset, whence int) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_LSEEK, uintptr(fd), uintptr(offset), uintptr(whence), 0, 0, 0)
	return int(r), e
}

// sysFstat is fstat(2).
func sysFstat(fd int, st *unix.Stat_t) syscall.Errno {
	_, e := rawCall(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0)
	return e
}

// sysFstatat is fstatat(2), whose name and number differ between architectures.
func sysFstatat(dir int, path string, st *unix.Stat_t, flags int) syscall.Errno {
	nr := uintptr(79) // asm-generic/unistd.h
	if runtime.GOARCH == "amd64" {
		nr = 262 // newfstatat of arch/x86/entry/syscalls/syscall_64.tbl
	}
	_, e := rawCall(nr, uintptr(dir), uintptr(cstr(path)), uintptr(unsafe.Pointer(st)), uintptr(flags), 0, 0)
	return e
}

// sysStat is stat(2).
func sysStat(path string, st *unix.Stat_t) syscall.Errno {
	return sysFstatat(unix.AT_FDCWD, path, st, 0)
}

// sysLstat is lstat(2).
func sysLstat(path string, st *unix.Stat_t) syscall.Errno {
	return sysFstatat(unix.AT_FDCWD, path, st, unix.AT_SYMLINK_NOFOLLOW)
}

// sysStatfs is statfs(2).
func sysStatfs(path string, st *unix.Statfs_t) syscall.Errno {
	_, e := rawCall(unix.SYS_STATFS, uintptr(cstr(path)), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0)
	return e
}

// sysReadlinkat returns the target of a symlink.
func sysReadlinkat(dir int, path string) (string, syscall.Errno) {
	for size := 256; ; size *= 4 {
		b := space(size)
		r, e := rawCall(unix.SYS_READLINKAT, uintptr(dir), uintptr(cstr(path)), uintptr(unsafe.Pointer(&b[0])), uintptr(size-1), 0, 0)
		if e != 0 {
			return "", e
		}
		if int(r) < size-1 || size > unix.PathMax {
			return stringOf(b[:r]), ok
		}
	}
}

// sysReadlink is sysReadlinkat below the working directory.
func sysReadlink(path string) (string, syscall.Errno) { return sysReadlinkat(unix.AT_FDCWD, path) }

// sysFaccessat is access(2), which checks with the real ids; tincan's effective ids are the
// same.
func sysFaccessat(dir int, path string, mode uint32) syscall.Errno {
	_, e := rawCall(unix.SYS_FACCESSAT, uintptr(dir), uintptr(cstr(path)), uintptr(mode), 0, 0, 0)
	return e
}

// sysGetxattr is getxattr(2).
func sysGetxattr(path, name string, b []byte) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_GETXATTR, uintptr(cstr(path)), uintptr(cstr(name)), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0)
	return int(r), e
}

// sysGetdents is getdents64(2).
func sysGetdents(fd int, b []byte) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	return int(r), e
}

// sysMkdirat is mkdirat(2).
func sysMkdirat(dir int, path string, mode uint32) syscall.Errno {
	_, e := rawCall(unix.SYS_MKDIRAT, uintptr(dir), uintptr(cstr(path)), uintptr(mode), 0, 0, 0)
	return e
}

// sysMknodat is mknodat(2) for a file that is not a device.
func sysMknodat(dir int, path string, mode uint32) syscall.Errno {
	_, e := rawCall(unix.SYS_MKNODAT, uintptr(dir), uintptr(cstr(path)), uintptr(mode), 0, 0, 0)
	return e
}

// sysFchmod is fchmod(2).
func sysFchmod(fd int, mode uint32) syscall.Errno {
	_, e := rawCall(unix.SYS_FCHMOD, uintptr(fd), uintptr(mode), 0, 0, 0, 0)
	return e
}

// sysMkdir is mkdir(2).
func sysMkdir(path string, mode uint32) syscall.Errno {
	return sysMkdirat(unix.AT_FDCWD, path, mode)
}

// sysUnlinkat is unlink(2), or with AT_REMOVEDIR rmdir(2).
func sysUnlinkat(dir int, path string, flags int) syscall.Errno {
	_, e := rawCall(unix.SYS_UNLINKAT, uintptr(dir), uintptr(cstr(path)), uintptr(flags), 0, 0, 0)
	return e
}

// sysRmdir is rmdir(2).
func sysRmdir(path string) syscall.Errno {
	return sysUnlinkat(unix.AT_FDCWD, path, unix.AT_REMOVEDIR)
}

// sysFlock is flock(2). With LOCK_NB it does not wait.
func sysFlock(fd, how int) syscall.Errno {
	_, e := blocking(unix.SYS_FLOCK, uintptr(fd), nil, uintptr(how), 0, nil, 0)
	return e
}

// sysSocketpair is socketpair(2) for Unix sockets, close-on-exec.
func sysSocketpair(kind int) (pair [2]int, e syscall.Errno) {
	var p [2]int32
	_, e = rawCall(unix.SYS_SOCKETPAIR, unix.AF_UNIX, uintptr(kind|unix.SOCK_CLOEXEC), 0, uintptr(unsafe.Pointer(&p)), 0, 0)
	return [2]int{int(p[0]), int(p[1])}, e
}

// sysPipe is pipe2(2), close-on-exec.
func sysPipe(flags int) (pair [2]int, e syscall.Errno) {
	var p [2]int32
	_, e = rawCall(unix.SYS_PIPE2, uintptr(unsafe.Pointer(&p)), uintptr(flags|unix.O_CLOEXEC), 0, 0, 0, 0)
	return [2]int{int(p[0]), int(p[1])}, e
}

// sysMemfd is memfd_create(2), close-on-exec.
func sysMemfd(name string) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_MEMFD_CREATE, uintptr(cstr(name)), unix.MFD_CLOEXEC, 0, 0, 0, 0)
	return int(r), e
}

// sysFcntl is fcntl(2).
func sysFcntl(fd, command, arg int) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_FCNTL, uintptr(fd), uintptr(command), uintptr(arg), 0, 0, 0)
	return int(r), e
}

// sysDup3 is dup3(2), close-on-exec.
func sysDup3(from, to int) syscall.Errno {
	_, e := rawCall(unix.SYS_DUP3, uintptr(from), uintptr(to), unix.O_CLOEXEC, 0, 0, 0)
	return e
}

// sysIoctl is ioctl(2).
func sysIoctl(fd int, request uintptr, p unsafe.Pointer) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(p), 0, 0, 0)
	return int(r), e
}

// sysPoll is poll(2). The limit is in milliseconds; -1 means no limit. The call is not repeated
// when a signal interrupts it, because the caller has to compute the limit again.
//
//tincan:both
func sysPoll(fds []unix.PollFd, wait int) (int, syscall.Errno) {
	limit := unix.Timespec{Sec: int64(wait / 1000), Nsec: int64(wait%1000) * 1e6}
	p := unsafe.Pointer(&limit)
	if wait < 0 {
		p = nil
	}
	var r uintptr
	var e syscall.Errno
	if early {
		r, e = rawCall(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)), uintptr(p), 0, 0, 0)
	} else {
		r, _, e = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)), uintptr(p), 0, 0, 0)
	}
	return int(r), e
}

// sysWait4 is wait4(2).
func sysWait4(pid int, status *unix.WaitStatus, options int, usage *unix.Rusage) (int, syscall.Errno) {
	var s int32
	n, e := blocking(unix.SYS_WAIT4, uintptr(pid), unsafe.Pointer(&s), 0, uintptr(options), unsafe.Pointer(usage), 0)
	*status = unix.WaitStatus(s)
	return n, e
}

// sysPidfdSend is pidfd_send_signal(2).
func sysPidfdSend(pidfd int, s syscall.Signal) {
	rawCall(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(pidfd), uintptr(s), 0, 0, 0, 0)
}

// sysKill is kill(2).
func sysKill(pid int, s syscall.Signal) syscall.Errno {
	_, e := rawCall(unix.SYS_KILL, uintptr(pid), uintptr(s), 0, 0, 0, 0)
	return e
}

// sysSigmask is rt_sigprocmask(2) for this thread. It returns the previous mask.
func sysSigmask(how int, set uint64) (old uint64) {
	rawCall(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(&old)), sigsetSize, 0, 0)
	return old
}

// sigsetSize is the size of the kernel's sigset_t in bytes: 64 signals.
const sigsetSize = 8

// ownPid is the launcher's process id, or 0 until sysGetpid has been called.
var ownPid int

// sysGetpid is getpid(2), made once.
func sysGetpid() int {
	if ownPid == 0 {
		r, _ := rawCall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
		ownPid = int(r)
	}
	return ownPid
}

// sysGetpgrp is getpgrp(2).
func sysGetpgrp() int {
	r, _ := rawCall(unix.SYS_GETPGID, 0, 0, 0, 0, 0, 0)
	return int(r)
}

// sysGeteuid is geteuid(2).
func sysGeteuid() int {
	r, _ := rawCall(unix.SYS_GETEUID, 0, 0, 0, 0, 0, 0)
	return int(r)
}

// sysGetegid is getegid(2).
func sysGetegid() int {
	r, _ := rawCall(unix.SYS_GETEGID, 0, 0, 0, 0, 0, 0)
	return int(r)
}

// sysUname is uname(2).
func sysUname(u *unix.Utsname) syscall.Errno {
	_, e := rawCall(unix.SYS_UNAME, uintptr(unsafe.Pointer(u)), 0, 0, 0, 0, 0)
	return e
}

// sysGetrlimit is getrlimit(2).
func sysGetrlimit(resource int, r *unix.Rlimit) syscall.Errno {
	_, e := rawCall(unix.SYS_PRLIMIT64, 0, uintptr(resource), 0, uintptr(unsafe.Pointer(r)), 0, 0)
	return e
}

// sysRandom fills b with random bytes. getrandom(2) never fails for a few bytes.
func sysRandom(b []byte) {
	rawCall(unix.SYS_GETRANDOM, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0, 0)
}

// sysClock returns the time of CLOCK_MONOTONIC in nanoseconds.
func sysClock() int64 {
	var t unix.Timespec
	rawCall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&t)), 0, 0, 0, 0)
	return t.Sec*1e9 + t.Nsec
}

// sysTimerAt makes the kernel send a signal to this process at the given time of sysClock:
// timer_create(2), timer_settime(2).
func sysTimerAt(at int64, s syscall.Signal) (timer int32, e syscall.Errno) {
	event := struct { // struct sigevent
		value         uint64
		signo, notify int32
		_             [48]byte
	}{signo: int32(s)} // notify is SIGEV_SIGNAL, which is 0
	// The signal is repeated: a SIGCONT that comes before the stop has no effect.
	when := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, at)), Interval: unix.Timespec{Nsec: 1e8}}
	if _, e = rawCall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&timer)), 0, 0, 0); e == 0 {
		_, e = rawCall(unix.SYS_TIMER_SETTIME, uintptr(timer), unix.TFD_TIMER_ABSTIME, uintptr(unsafe.Pointer(&when)), 0, 0, 0)
	}
	return timer, e
}

// sysTimerDelete is timer_delete(2).
func sysTimerDelete(timer int32) {
	rawCall(unix.SYS_TIMER_DELETE, uintptr(timer), 0, 0, 0, 0, 0)
}

// sysSleep waits for the given number of milliseconds.
func sysSleep(ms int) { sysPoll(nil, ms) }

// sysMmap is mmap(2) of memory without a file.
func sysMmap(size uintptr, protection, flags int) (unsafe.Pointer, syscall.Errno) {
	r, e := rawCall(unix.SYS_MMAP, 0, size, uintptr(protection), uintptr(flags), ^uintptr(0), 0)
	return *(*unsafe.Pointer)(unsafe.Pointer(&r)), e
}

// sysExit is exit_group(2).
func sysExit(status int) {
	for {
		rawCall(unix.SYS_EXIT_GROUP, uintptr(status), 0, 0, 0, 0, 0)
	}
}

// sysCapget is capget(2).
func sysCapget(header *unix.CapUserHeader, data *[2]unix.CapUserData) syscall.Errno {
	_, e := rawCall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(data)), 0, 0, 0, 0)
	return e
}

// sysUmask is umask(2).
func sysUmask(mask uint32) uint32 {
	r, _ := rawCall(unix.SYS_UMASK, uintptr(mask), 0, 0, 0, 0, 0)
	return uint32(r)
}

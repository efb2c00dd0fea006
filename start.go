// The start: what happens before Go's runtime.
//
// elf(5), execve(2) on the new process's stack, Documentation/arch/x86/elf_auxvec.rst;
// runtime/rt0_linux_*.s and asm_*.s in GOROOT, which run afterwards.
//
// A Go program that does nothing touches 176 pages and starts two threads before main. A
// launcher needs no collector, no scheduler and no threads. So the ELF entry point is our own
// (start_*.s; set by the linker's flag -E): a few instructions that let Go code run on the
// kernel's stack, and call begin. For a usual run, begin does everything from the command line
// to the exit status. What needs the runtime (an error message, --help, --debug, a profile in
// JSON) makes begin return. The entry point then jumps to the runtime's own entry point, with
// the stack as the kernel left it, and main does the work in the ordinary way.
//
// A plain `go build` uses the runtime's entry point and makes the same program: it only starts
// more slowly.
//
// Differs from the tutorial: the tutorial's program is in Rust, whose runtime does little.

//lint:file-ignore U1000 start_*.s use entry, begin and the variables

package main

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// entry is where the kernel starts the program (start_*.s).
func entry()

// What the entry point uses: the stack pointer as the kernel left it, a g with the bounds of the
// stack, and thread-local storage (amd64).
var (
	initialSP uintptr
	initialFS uintptr // amd64
	g0        [8]uintptr
	tls       [16]uintptr
)

// startedEarly is a run whose command has ended, and about which something must be said that
// needs the runtime. begin leaves it to main. It is in the arena, or nil.
var startedEarly *launch

// closedBefore says which of the descriptors 0, 1 and 2 the caller has closed. The runtime opens
// /dev/null in their place, but the command must find them closed.
var closedBefore [3]bool

// kernelStack is the stack as the kernel made it: argc, argv, NULL, the environment, NULL and
// the auxiliary vector.
var kernelStack *[1 << 20]uintptr

var _ = begin // used by start_*.s

// begin is called by the entry point. It ends the process, or returns to let the runtime start.
func begin(stack *[1 << 20]uintptr) {
	early, kernelStack = true, stack
	// As PID 1, tincan may be a machine's init (machine.go), which needs the runtime. If the
	// caller has closed descriptor 0, 1 or 2, the runtime opens /dev/null in its place, so a
	// descriptor of our own must not take that number.
	for fd := range closedBefore {
		closedBefore[fd] = !isOpen(fd)
	}
	status := statusFailed
	if sysGetpid() != 1 && !closedBefore[0] && !closedBefore[1] && !closedBefore[2] {
		var done bool
		if status, done = runEarly(callerArgs()); done {
			sysExit(status)
		}
	}
	checkAddressSpace(status)
	checkOpenFiles(status)
	checkProcesses(status)
	early = false
}

// runtimeSpace is the address space that Go's runtime needs to start, in bytes. It reserves half
// a GiB at once, and with less than runtimeSpace it may end with a stack trace.
const runtimeSpace = 1400 << 20

// checkAddressSpace ends the process with an error message if the runtime cannot start (ulimit
// -v).
func checkAddressSpace(status int) {
	var limit unix.Rlimit
	if sysGetrlimit(unix.RLIMIT_AS, &limit) != 0 || limit.Cur >= runtimeSpace {
		return
	}
	note(text("the limit of address space (ulimit -v) is ", unsigned(limit.Cur>>10), " KiB, but tincan itself needs ",
		unsigned(runtimeSpace>>10), " KiB here: raise the limit; to limit only the command, use --rlimit=as=SIZE"))
	sysExit(status)
}

// checkOpenFiles ends the process with an error message if the limit of open files (ulimit -n) is too
// low for Go's runtime. When the runtime opens its first file it also opens two descriptors for
// epoll, and ends with a stack trace if it cannot. So main opens a pipe first (openPoll).
//
//tincan:both
func checkOpenFiles(status int) {
	if !fewOpenFiles() {
		return
	}
	var free [4]int // for a pipe and for epoll
	var e syscall.Errno
	n := 0
	for n < len(free) && e == 0 {
		if free[n], e = sysFcntl(0, unix.F_DUPFD_CLOEXEC, 0); e == unix.EBADF { // the caller has closed descriptor 0
			free[n], e = sysOpen("/", unix.O_PATH, 0)
		}
		if e == 0 {
			n++
		}
	}
	for i := range n {
		sysClose(free[i])
	}
	if e == unix.EMFILE || e == unix.EINVAL { // EINVAL: the limit is 0
		note(text("fcntl(F_DUPFD_CLOEXEC) = EMFILE (too many open files)"))
		note(text("  ", tooFewFiles))
		sysExit(status)
	}
}

// checkProcesses ends the process with an error message if the runtime could not start its threads
// (ulimit -u): it would end with a stack trace. Children that have ended count until they are
// waited for, so some are made to find out. They send no signal at their end.
func checkProcesses(status int) {
	const threads, few = 8, 4096
	var limit unix.Rlimit
	if sysGetrlimit(unix.RLIMIT_NPROC, &limit) != 0 || limit.Cur >= few {
		return
	}
	var made [threads]int
	var e syscall.Errno
	n := 0
	for n < len(made) && e == 0 {
		var pid uintptr
		if pid, e = rawCall(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0); e != 0 {
			break
		} else if pid == 0 {
			sysExit(0)
		}
		made[n] = int(pid)
		n++
	}
	for i := range n {
		var ended unix.WaitStatus
		sysWait4(made[i], &ended, unix.WALL, nil)
	}
	if e == unix.EAGAIN {
		note(text("the caller's limit of processes (ulimit -u) is ", unsigned(limit.Cur), ", and this user has too many processes already for tincan to start its threads: raise the limit, or end some processes"))
		sysExit(status)
	}
}

// fewOpenFiles reports whether the limit of open files is so low that it must be checked.
//
//tincan:both
func fewOpenFiles() bool {
	var limit unix.Rlimit
	return sysGetrlimit(unix.RLIMIT_NOFILE, &limit) == 0 && limit.Cur < 64
}

// openPoll makes the runtime open its two descriptors for epoll before others use them up.
func openPoll() {
	if !fewOpenFiles() {
		return
	}
	checkOpenFiles(statusFailed) // again, for a program that was built without the entry point
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
}

// giveBack gives back the pages of the program itself (madvise(2), MADV_DONTNEED). A launcher
// that sleeps needs a fifth of the pages that it has touched, and the kernel maps the others
// again when they are needed. Of the 890 KiB that launcher and init hold alone, 250 KiB remain.
func giveBack() {
	const (
		atPhdr, atPhnum = 3, 5 // getauxval(3)
		ptLoad, pfW     = 1, 2 // elf(5)
		size            = 56   // bytes of Elf64_Phdr
	)
	at, n := auxiliary(atPhdr), int(auxiliary(atPhnum))
	for i := 0; at != 0 && i < n; i++ {
		// The first word is type and flags, the third vaddr, the sixth memsz.
		h := (*[size / 8]uint64)(unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&at)), i*size))
		if uint32(h[0]) == ptLoad && uint32(h[0]>>32)&pfW == 0 {
			start := uintptr(h[2]) &^ 4095
			rawCall(unix.SYS_MADVISE, start, uintptr(h[2]+h[5])-start, unix.MADV_DONTNEED, 0, 0, 0)
		}
	}
}

// auxiliary returns an entry of the auxiliary vector, or 0 if there is none.
func auxiliary(kind uintptr) uintptr {
	i := int(kernelStack[0]) + 2
	for kernelStack[i] != 0 {
		i++
	}
	for i++; kernelStack[i] != 0; i += 2 {
		if kernelStack[i] == kind {
			return kernelStack[i+1]
		}
	}
	return 0
}

func isOpen(fd int) bool {
	_, e := sysFcntl(fd, unix.F_GETFD, 0)
	return e == 0
}

// callerArgs returns the words of the command line after the program's name.
//
//tincan:both
func callerArgs() []string {
	if !early {
		return os.Args[1:]
	}
	var out []string
	for i := 2; i <= int(kernelStack[0]); i++ {
		out = add(out, gostring(*(*unsafe.Pointer)(unsafe.Pointer(&kernelStack[i]))))
	}
	return out
}

// callerEnv returns the environment, as NAME=VALUE.
//
//tincan:both
func callerEnv() []string {
	if !early {
		return os.Environ()
	}
	var out []string
	for i := int(kernelStack[0]) + 2; kernelStack[i] != 0; i++ {
		out = add(out, gostring(*(*unsafe.Pointer)(unsafe.Pointer(&kernelStack[i]))))
	}
	return out
}

// getenv does what os.LookupEnv does.
//
//tincan:both
func getenv(name string) (value string, found bool) {
	if !early {
		return os.LookupEnv(name)
	}
	for i := int(kernelStack[0]) + 2; kernelStack[i] != 0; i++ {
		s := gostring(*(*unsafe.Pointer)(unsafe.Pointer(&kernelStack[i])))
		if rest, ok := cutPrefix(s, name); ok && hasPrefix(rest, "=") {
			return rest[1:], true
		}
	}
	return "", false
}

// argvArea returns the memory that /proc/PID/cmdline shows (proc_pid_cmdline(5)), from the first
// byte of the first argument to the last byte of the last one. Go's os.Args point into it, too.
func argvArea() []byte {
	var start, end unsafe.Pointer
	if early {
		n := int(kernelStack[0])
		if n == 0 {
			return space(1)
		}
		start = *(*unsafe.Pointer)(unsafe.Pointer(&kernelStack[1]))
		last := *(*unsafe.Pointer)(unsafe.Pointer(&kernelStack[n]))
		end = unsafe.Add(last, len(gostring(last)))
	} else {
		if start, end = argvBounds(); start == nil {
			return space(1)
		}
	}
	if n := int(uintptr(end) - uintptr(start)); n > 0 && n < 1<<22 {
		return unsafe.Slice((*byte)(start), n)
	}
	return space(1)
}

// argvBounds returns the address of the first argument, and of the zero byte after the last:
// fields 48 and 49 of proc_pid_stat(5). Go's os.Args do not tell where an empty argument was.
//
//tincan:runtime
func argvBounds() (start, end unsafe.Pointer) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, nil
	}
	_, rest, _ := cut(string(b[lastIndexByte(string(b), ')'):]), " ") // after the ")": the program's name may contain blanks
	f := fields(rest)                                                 // from the third field on
	if len(f) < 47 {
		return nil, nil
	}
	from, ok := number(f[48-3])
	to, too := number(f[49-3])
	if !ok || !too || from == 0 || to <= from {
		return nil, nil
	}
	at, behind := uintptr(from), uintptr(to-1)
	return *(*unsafe.Pointer)(unsafe.Pointer(&at)), *(*unsafe.Pointer)(unsafe.Pointer(&behind))
}

// lockThread keeps the calling goroutine on its thread. The thread must live as long as the
// container, because PR_SET_PDEATHSIG is sent when the thread that cloned ends (prctl(2)).
//
//tincan:both
func lockThread() {
	if !early {
		runtime.LockOSThread()
	}
}

// Chapter 8: the loop, which is a raw clone3, then the calls of the plan in order, then the
// command.
//
// clone3(2), signal-safety(7), Go's own syscall/exec_linux.go (forkAndExecInChild1).
//
// After clone3 without CLONE_VM the child is a copy of a Go program with one thread. The
// collector, the scheduler and every other goroutine exist in the parent only, and some of them
// may have been holding a lock. In the child, therefore:
//
//   - nothing is allocated, no stack grows, no lock is taken, and no Go function that
//     might do so is called. Only the raw system call stub is called. A test
//     disassembles the binary and checks this.
//   - no signal is handled. All signals are blocked before the clone, and the
//     handlers are reset (CLONE_CLEAR_SIGHAND).
//   - everything it needs was made before the clone, and is reached through childPlan.
//
// The process that becomes the command is made with CLONE_VM: until its execve it has the same
// memory as the init, and a stack of its own. So the kernel need neither copy the memory nor take
// the copy apart. Both processes only make calls whose arguments were made before. The launcher's
// memory is never shared: the init is a copy of it.
//
// The loop never grows. If a step seems to need a decision here, the launcher makes that
// decision beforehand, with all of Go at hand.
//
// Differs from the tutorial: the program is not started a second time, and the child needs no
// stack of 1 MiB.

package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childPlan is all that the child needs. The launcher makes it.
type childPlan struct {
	setup   []*step // up to the fork, or all steps if there is no init
	fork    *step   // nil if there is no init
	pid1    []*step // made by the init after the fork
	command []*step // made by the process that becomes the command
	base    int32   // how many steps come before command's in reports
	report  uintptr
	all     uint64 // every signal, for sigtimedwait
	group   uint64 // signals that go to the command's process group
}

// steps returns all steps of the child, the init and the command, in the order in which a report
// counts them.
func (p *childPlan) steps() []*step {
	all := addAll([]*step(nil), p.setup)
	if p.fork != nil {
		all = add(all, p.fork)
	}
	return addAll(addAll(all, p.pid1), p.command)
}

// report is what the child tells the launcher over the close-on-exec pipe. It is smaller than
// PIPE_BUF, so it is written whole or not at all (pipe(7)).
type report struct {
	what  int32
	index int32 // for reportFailed: which step, counted as childPlan.steps does
	value int32 // an errno, a signal or a wait status
}

// reportSize is the size of a report on the pipe.
const reportSize = int(unsafe.Sizeof(report{}))

const (
	reportFailed  = 1 + iota // a step failed; value is the errno, or 0 if the result was too small
	reportStopped            // the command was stopped; value is the signal
	reportEnded              // the command ended; value is the status of wait4(2)
)

// failedStatus is the exit status of a child whose step failed. The launcher uses the report
// instead; the status is for ps(1).
const failedStatus = 125

// walk makes the calls of the steps.
//
//go:noinline
//go:norace
//go:nosplit
func walk(steps []*step, base int32, to uintptr) {
	var kept, placed uintptr
	for i := range steps {
		s := steps[i]
		r, e := rawCall(uintptr(s.nr),
			s.args[0].n|uintptr(s.args[0].p)|kept&-uintptr(s.kept[0]&1)|placed&-uintptr(s.kept[1]&1),
			s.args[1].n|uintptr(s.args[1].p)|kept&-uintptr(s.kept[0]>>1&1)|placed&-uintptr(s.kept[1]>>1&1),
			s.args[2].n|uintptr(s.args[2].p)|kept&-uintptr(s.kept[0]>>2&1)|placed&-uintptr(s.kept[1]>>2&1),
			s.args[3].n|uintptr(s.args[3].p)|kept&-uintptr(s.kept[0]>>3&1)|placed&-uintptr(s.kept[1]>>3&1),
			s.args[4].n|uintptr(s.args[4].p)|kept&-uintptr(s.kept[0]>>4&1)|placed&-uintptr(s.kept[1]>>4&1),
			s.args[5].n|uintptr(s.args[5].p)|kept&-uintptr(s.kept[0]>>5&1)|placed&-uintptr(s.kept[1]>>5&1))
		if (e != 0 || r < uintptr(s.least)) && (e == 0 || e != syscall.Errno(s.may)) {
			fail(report{reportFailed, base + int32(i), int32(e)}, to)
		}
		switch s.keep {
		case first:
			kept = r
		case second:
			placed = r
		}
	}
}

// fail sends a report and ends the process.
//
//go:noinline
//go:norace
//go:nosplit
func fail(r report, to uintptr) {
	rawCall(unix.SYS_WRITE, to, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r), 0, 0, 0)
	rawCall(unix.SYS_EXIT_GROUP, failedStatus, 0, 0, 0, 0, 0)
	// The launcher refuses a filter that does not allow exit_group. If one is there all the same,
	// the process writes to address 0, which no filter can prevent, and the fault ends it.
	for {
		*(*byte)(nil) = 0
	}
}

// reap is the init. It reaps every orphan and passes on every signal, until the command ends.
// The command's status is then the container's, and when PID 1 ends the kernel kills all
// processes that are left (pid_namespaces(7)). From here on no failure ends the init: a call
// that fails is a signal that came too late, or is for a child that has already ended.
//
//go:noinline
//go:norace
//go:nosplit
func (p *childPlan) reap(command uintptr) {
	var status int32
	for {
		sig, _ := rawCall(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&p.all)), 0, 0, 8, 0, 0)
		if sig == 0 || sig > 64 {
			continue // the wait was interrupted
		}
		if sig != uintptr(unix.SIGCHLD) {
			if p.group>>(sig-1)&1 == 0 {
				rawCall(unix.SYS_KILL, command, sig, 0, 0, 0, 0)
			} else if _, e := rawCall(unix.SYS_KILL, -command, sig, 0, 0, 0, 0); e != 0 {
				rawCall(unix.SYS_KILL, command, sig, 0, 0, 0, 0)
			}
			continue
		}
		for {
			pid, _ := rawCall(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&status)), unix.WNOHANG|unix.WUNTRACED, 0, 0, 0)
			if pid == 0 || int(pid) < 0 {
				break // no more children have ended
			}
			if pid != command {
				continue
			}
			r := report{reportStopped, 0, status >> 8}
			if status&0xff != 0x7f {
				r.what, r.value = reportEnded, status
			}
			rawCall(unix.SYS_WRITE, p.report, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r), 0, 0, 0)
			if r.what == reportEnded {
				for {
					rawCall(unix.SYS_EXIT_GROUP, uintptr(status>>8&0xff), 0, 0, 0, 0, 0)
				}
			}
		}
	}
}

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize, cgroup uint64
}

// launchChild makes the clone, and is the child's whole life: it makes the calls of the plan,
// with the fork in the middle if there is an init. It never returns in the child.
//
//go:noinline
//go:norace
//go:nosplit
func launchChild(ca *cloneArgs, p *childPlan) (pid uintptr, pidfd int32, e syscall.Errno) {
	// The kernel writes it to the stack, which is touched anyway: after the clone, each page that
	// the launcher writes to is copied. The address is taken here, where the stack can no longer
	// move.
	ca.pidfd = uint64(uintptr(unsafe.Pointer(&pidfd)))
	pid, e = rawCall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(ca)), unsafe.Sizeof(*ca), 0, 0, 0, 0)
	if e != 0 || pid != 0 {
		return pid, pidfd, e
	}
	walk(p.setup, 0, p.report)
	if p.fork != nil {
		pid, e = cloneShared(p.fork)
		if e != 0 {
			fail(report{reportFailed, int32(len(p.setup)), int32(e)}, p.report)
		}
		if pid != 0 {
			walk(p.pid1, int32(len(p.setup)+1), p.report)
			p.reap(pid)
		}
	}
	walk(p.command, p.base, p.report)
	fail(report{reportFailed, -1, 0}, p.report) // never reached: the last step is execve
	return 0, 0, 0
}

// cloneShared makes the step fork: a clone(2) with CLONE_VM, after which two processes use the same
// memory. Each needs a stack of its own, so the top of this one is copied first, to where the step's
// second argument points (clone_*.s). The new process returns there, with pid 0, into a copy of
// launchChild's frame. Nothing in that frame may point into it, and the new process must not return
// from launchChild.
//
//go:noescape
func cloneShared(fork *step) (pid uintptr, e syscall.Errno)

// copiedStack is how many bytes of the stack are copied: more than launchChild's frame has.
const copiedStack = 512

// groupSignals are the signals that a terminal sends to a whole process group. The init passes
// them on to the command's group.
const groupSignals = uint64(1<<(unix.SIGINT-1) | 1<<(unix.SIGQUIT-1) | 1<<(unix.SIGHUP-1) |
	1<<(unix.SIGTSTP-1) | 1<<(unix.SIGCONT-1) | 1<<(unix.SIGTTIN-1) | 1<<(unix.SIGTTOU-1) | 1<<(unix.SIGWINCH-1))

// startChild clones the child. flags are those of clone3; group is a descriptor of the cgroup v2
// directory to start in, or -1; mask is the signal mask that the plan's last rt_sigprocmask
// restores. It returns the child's process id and pidfd.
//
// The thread that calls it must live as long as the container: PR_SET_PDEATHSIG is sent when the
// thread that cloned ends (prctl(2)).
func startChild(flags uintptr, p *childPlan, group int, mask *uint64, signals *signalSource) (pid, pidfd int, e syscall.Errno) {
	p.all, p.group = ^uint64(0), groupSignals
	ca := one[cloneArgs]()
	ca.flags = uint64(flags) | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND
	ca.exitSignal = uint64(unix.SIGCHLD)
	if group >= 0 {
		ca.flags |= unix.CLONE_INTO_CGROUP
		ca.cgroup = uint64(group)
	}
	lockForks(true)
	own := sysSigmask(unix.SIG_SETMASK, p.all)
	*mask = signals.callers(own)
	n, fd, e := launchChild(ca, p)
	sysSigmask(unix.SIG_SETMASK, own)
	lockForks(false)
	runtime.KeepAlive(p)
	return int(n), int(fd), e
}

// lockForks prevents the child from inheriting a descriptor that another goroutine has just
// opened and not yet made close-on-exec (syscall.ForkLock).
//
//tincan:both
func lockForks(lock bool) {
	switch {
	case early:
	case lock:
		syscall.ForkLock.Lock()
	default:
		syscall.ForkLock.Unlock()
	}
}

// hintClone returns the hint for a failed clone3(2).
func hintClone(e syscall.Errno) string {
	switch e {
	case unix.EPERM:
		if h := hintFilter(); h != "" {
			return h
		}
		return "new namespaces need CAP_SYS_ADMIN, which root inside another container may not have"
	case unix.ENOSPC:
		return hintNamespaces()
	case unix.EAGAIN:
		return "the limit of processes is reached: see `ulimit -u` and pids.max of tincan's own cgroup"
	case unix.EBUSY:
		return "this cgroup cannot hold processes, because it has child groups (\"no internal processes\", cgroups(7))"
	}
	return ""
}

// hintNamespaces names the limits of namespaces that are so low that somebody has set them.
func hintNamespaces() string {
	said := ""
	for _, kind := range [...]string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"} {
		value, _ := readFile(text("/proc/sys/user/max_", kind, "_namespaces"))
		if n, valid := number(trimmed(value)); valid && n < 100 {
			said = text(said, "user.max_", kind, "_namespaces is ", trimmed(value), "; as root: sysctl user.max_", kind, "_namespaces=10000\n")
		}
	}
	if said == "" {
		return "the limit of namespaces is reached: see /proc/sys/user/max_*_namespaces"
	}
	return said[:len(said)-1]
}

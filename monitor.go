// The monitor, which ends a container without an init when its launcher is killed.
//
// clone(2), pipe(7), pidfd_send_signal(2), setsid(2).
//
// Differs from the tutorial: the tutorial's container goes on when its launcher is killed.

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watch starts the monitor.
func (l *launch) watch(s *step) error {
	pipe, e := sysPipe(0)
	if e != 0 {
		return failedCall("pipe2", "", "O_CLOEXEC", e)
	}
	lockForks(true)
	own := sysSigmask(unix.SIG_SETMASK, ^uint64(0))
	pid, e := startMonitor(uintptr(l.pidfd), uintptr(pipe[0]), uintptr(pipe[1]))
	sysSigmask(unix.SIG_SETMASK, own)
	lockForks(false)
	sysClose(pipe[0])
	if e != 0 {
		sysClose(pipe[1])
		return l.stepError(s, e)
	}
	l.monitor, l.alive = int(pid), pipe[1]
	return nil
}

// endWatch ends the monitor when the container has ended.
func (l *launch) endWatch() {
	if l.monitor != 0 {
		sysClose(l.alive)
		var status unix.WaitStatus
		sysWait4(l.monitor, &status, unix.WALL, one[unix.Rusage]())
		l.monitor = 0
	}
}

// startMonitor forks the monitor of a container without an init. The monitor is a process that
// waits until the launcher has ended, which it notices by the end of a pipe, and then ends the
// container. It is needed because the command is PID 1 there and can clear the death signal that
// it was given. Like the launcher, the monitor is outside the container's namespaces. It has a
// session of its own, so that a signal for the launcher's job does not reach it, and all signals
// are blocked. startMonitor never returns in the monitor.
//
//go:noinline
//go:norace
//go:nosplit
func startMonitor(pidfd, from, to uintptr) (uintptr, syscall.Errno) {
	pid, e := rawCall(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0) // the parent gets no signal when it ends
	if e != 0 || pid != 0 {
		return pid, e
	}
	rawCall(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0)
	rawCall(unix.SYS_CLOSE, to, 0, 0, 0, 0, 0)
	var b byte
	for {
		if _, e := rawCall(unix.SYS_READ, from, uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0); e != unix.EINTR {
			break
		}
	}
	rawCall(unix.SYS_PIDFD_SEND_SIGNAL, pidfd, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	for {
		rawCall(unix.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
	}
}

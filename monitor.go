// The monitor: what ends a container without an init when its launcher is killed.
//
// clone(2), pipe(7), pidfd_send_signal(2), setsid(2).
//
// Differs from the tutorial: there the container lives on.

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

// endWatch ends the monitor, once the container has ended.
func (l *launch) endWatch() {
	if l.monitor != 0 {
		sysClose(l.alive)
		var status unix.WaitStatus
		sysWait4(l.monitor, &status, unix.WALL, one[unix.Rusage]())
		l.monitor = 0
	}
}

// startMonitor forks the monitor of a container without an init: a process that waits for the
// launcher's end, which it sees as the end of a pipe, and then ends the container. The command
// is PID 1 there, and can clear the death signal that it was given. The monitor lives in the
// container's namespaces as little as the launcher does; it has a session of its own, so that
// what ends the launcher's job does not reach it, and every signal is blocked. It never returns
// from here.
//
//go:noinline
//go:norace
//go:nosplit
func startMonitor(pidfd, from, to uintptr) (uintptr, syscall.Errno) {
	pid, e := rawCall(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0) // no signal tells its end
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

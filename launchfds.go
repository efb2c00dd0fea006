// Chapter 7: the descriptors of a run: those that the child inherits, and when they are closed.
//
// socketpair(2), pipe(2), memfd_create(2), fcntl(2) F_DUPFD_CLOEXEC.
//
// Differs from the tutorial: the tutorial's command inherits descriptors of the launcher.

package main

import (
	"golang.org/x/sys/unix"
)

// open opens the descriptors that the child inherits. All are close-on-exec.
func (l *launch) open() error {
	pair, e := sysSocketpair(unix.SOCK_SEQPACKET)
	if e != 0 {
		return failedCall("socketpair", "", "AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0", e)
	}
	l.closing = add(add(l.closing, pair[0]), pair[1])
	pipe, e := sysPipe(0)
	if e != 0 {
		return failedCall("pipe2", "", "O_CLOEXEC", e)
	}
	l.closing = add(l.closing, pipe[0])
	// This is above the descriptors that the command keeps, so that the text of the plan does not
	// depend on their numbers.
	report, e := sysFcntl(pipe[1], unix.F_DUPFD_CLOEXEC, firstReport(l.c.passFDs))
	sysClose(pipe[1])
	if e != 0 {
		return failedCall("fcntl", "", "F_DUPFD_CLOEXEC", e)
	}
	l.closing = add(l.closing, report)
	l.parent, l.reports = pair[0], pipe[0]
	l.fds.parent, l.fds.child, l.fds.report = pair[0], pair[1], report
	if l.c.group.version() == 1 {
		// The files can be opened only when the group exists. Their numbers are part of the plan,
		// so the numbers are reserved here.
		for range l.c.group.parents {
			n, err := l.reserve()
			if err != nil {
				return err
			}
			l.fds.group = add(l.fds.group, n)
		}
	}
	for range l.c.idmaps {
		n, err := l.reserve()
		if err != nil {
			return err
		}
		l.fds.idmaps = add(l.fds.idmaps, n)
	}
	if l.c.listens() {
		n, err := l.reserve()
		if err != nil {
			return err
		}
		l.fds.listener = n
	}
	term, err := newJobControl()
	if l.term = term; l.term != nil {
		l.closing = add(l.closing, l.term.fd)
		l.fds.tty, l.fds.handOver, l.fds.apart, l.fds.outs, l.fds.outNames = l.term.fd, l.term.handOver, l.term.apart, l.term.outs, l.term.names
		for _, fd := range l.term.outs {
			if fd != 0 {
				l.closing = add(l.closing, fd)
			}
		}
	}
	return err
}

// reserve opens a descriptor whose number is used later.
func (l *launch) reserve() (int, error) {
	n, e := sysFcntl(l.reports, unix.F_DUPFD_CLOEXEC, 3)
	if e != 0 {
		return -1, failedCall("fcntl", "", "F_DUPFD_CLOEXEC", e)
	}
	l.closing = add(l.closing, n)
	return n, nil
}

// close closes a descriptor that closeAll would close otherwise.
func (l *launch) close(fd int) {
	for i := range l.closing {
		if l.closing[i] == fd {
			l.closing[i] = l.closing[len(l.closing)-1]
			l.closing = l.closing[:len(l.closing)-1]
			sysClose(fd)
			return
		}
	}
}

// closeAll closes the descriptors that the launcher needs no more.
func (l *launch) closeAll() {
	for _, fd := range l.closing {
		sysClose(fd)
	}
	l.closing = nil
}

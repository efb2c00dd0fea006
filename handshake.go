// What the child reports, and what the launcher says.
//
// pipe(7), read(2).
//
// A failed step comes over the close-on-exec pipe as its number and its errno; here
// it becomes the step's own line of text again. Whatever tincan says itself goes to
// standard error, each line marked.

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// handshake makes the host's steps that are left, and waits before them where the
// child has something to say first.
func (l *launch) handshake(i int) error {
	for ; i < len(l.plan); i++ {
		s := l.plan[i]
		switch {
		case s.actor == host:
			if err := l.hostDo(i); err != nil {
				return err
			}
		case s.heard != nil:
			var b [1]byte
			n, err := retry(func() (int, error) { return unix.Read(l.parent, b[:]) })
			if err != nil {
				return &hostError{call: "read(PARENT)", err: err}
			}
			if n == 0 {
				return l.failure()
			}
			if err := s.heard(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// failure reads the report of a child that ended before the handshake.
func (l *launch) failure() error {
	r, ok, err := readReport(l.reports)
	if err != nil {
		return err
	}
	if ok && r.what == reportFailed {
		return l.stepFailed(r)
	}
	status, _ := l.reap()
	l.pid = 0
	return fmt.Errorf("the container's first process ended before it was ready (%s)", statusText(status))
}

// reason prefers the child's own report, if there is one, to what its end looks
// like from this side.
func (l *launch) reason(err error) error {
	fds := []unix.PollFd{{Fd: int32(l.reports), Events: unix.POLLIN}}
	if n, _ := retry(func() (int, error) { return unix.Poll(fds, 0) }); n > 0 && l.pid != 0 {
		if r, ok, _ := readReport(l.reports); ok && r.what == reportFailed {
			return l.stepFailed(r)
		}
	}
	return err
}

// stepFailed turns a report into an error with the step's text, and finds the exit
// status that goes with it.
func (l *launch) stepFailed(r report) error {
	p := l.childPlan()
	all := slices.Concat(p.setup, p.pid1, p.command)
	if r.index < 0 || int(r.index) >= len(all) {
		return fmt.Errorf("the container's process reports a step that is not in the plan: %d", r.index)
	}
	s := all[r.index]
	e := &stepError{step: s, index: s.index + 1, total: len(l.plan), errno: syscall.Errno(r.value)}
	if l.c.rootless.on && s.chapter < 11 && (s.hint == nil || s.hint(e.errno) == "") { // namespaces, hostname, mounts
		return l.c.rootless.explained(e)
	}
	if s.call == "execve" {
		return &exitError{l.c.execStatus(s.args[0].s, e.errno), e}
	}
	return e
}

// readReport reads one report; ok is false at the end of the pipe.
func readReport(fd int) (r report, ok bool, err error) {
	b := make([]byte, reportSize)
	n, err := retry(func() (int, error) { return unix.Read(fd, b) })
	if err != nil {
		return r, false, &hostError{call: "read(REPORTS)", err: err}
	}
	if n != len(b) {
		return r, false, nil
	}
	return decodeReport(b), true, nil
}

func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// log prints a line for --debug.
func (l *launch) log(format string) {
	if l.debug {
		say("%s", format)
	}
}

// say prints a line of tincan's own: on standard error, and each line marked.
func say(format string, a ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, a...), "\n")
	fmt.Fprintln(os.Stderr, "tincan: "+strings.ReplaceAll(text, "\n", "\ntincan:   "))
}

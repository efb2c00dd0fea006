// Chapter 7: what the child reports, and what the launcher says.
//
// pipe(7), read(2).
//
// A failed step comes over the close-on-exec pipe as its number and its errno; here it
// becomes the step's own line of text again. Whatever tincan says itself goes to standard
// error, each line marked.
//
// Differs from the tutorial: there the launcher does not learn why the child has ended.

package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// handshake makes the host's steps from the plan's step i on, and waits before them where
// the child has something to say first.
func (l *launch) handshake(i int) error {
	for ; i < len(l.plan); i++ {
		switch s := l.plan[i]; {
		case s.actor == host:
			if err := l.hostDo(s); err != nil {
				return err
			}
		case s.kind == tellsLauncher:
			b := space(1)
			n, e := sysRead(l.parent, b)
			if e != 0 {
				return failedCall("read", "", "PARENT", e)
			}
			if n == 0 {
				return l.failure()
			}
			if err := l.verifyMounts(); err != nil {
				return err
			}
		}
	}
	return nil
}

// failure reads the report of a child that ended before the handshake.
func (l *launch) failure() error {
	r, told, err := readReport(l.reports)
	if err != nil {
		return err
	}
	if told && r.what == reportFailed {
		return l.stepFailed(r)
	}
	status, _ := l.reap()
	l.pid = 0
	return fault(func() error {
		if k := l.c.group.readCounters(l.groupName, false); k.oomKilled > 0 && !k.oomElsewhere() {
			return fmt.Errorf("--memory=%s is too little to start in: the kernel killed the container's first process, which is a copy of tincan; 1MiB is about the least, and most programs take more", l.c.group.shown("memory"))
		}
		return fmt.Errorf("the container's first process ended before it was ready (%s)", statusText(status))
	})
}

// reason prefers the child's own report, if there is one, to what its end looks like from
// this side.
func (l *launch) reason(err error) error {
	if early {
		return err // the run is made again, and the reason is found then
	}
	watched := [1]unix.PollFd{{Fd: int32(l.reports), Events: unix.POLLIN}}
	if n, _ := sysPoll(watched[:], 0); n > 0 && l.pid != 0 {
		if r, told, _ := readReport(l.reports); told && r.what == reportFailed {
			return l.stepFailed(r)
		}
	}
	return err
}

// stepFailed turns a report into an error with the step's text, and finds the exit status
// that goes with it.
func (l *launch) stepFailed(r report) error {
	return fault(func() error {
		s, errno := l.reported(r), syscall.Errno(r.value)
		if s == nil {
			return fmt.Errorf("the container's process reports a step that is not in the plan: %d", r.index)
		}
		e := l.stepError(s, errno)
		switch {
		case s.kind == executes || s.kind == opensProgram && errno != unix.ENOSYS && errno != unix.EPERM:
			at := 0
			if s.kind == opensProgram {
				at = 1 // behind AT_FDCWD
			}
			file := gostring(s.args[at].p)
			e.hint = l.c.hintExec(file, errno)
			return &exitError{l.c.execStatus(file, errno), e}
		case s.kind == mapsIDs:
			e.hint = l.c.hintIdmap(s, errno)
		case s.kind == changesDir:
			e.hint = l.c.hintWorkdir(errno)
		case l.c.rootless.on && s.chapter < 11 && s.advice(errno) == "": // namespaces, hostname, mounts
			return l.c.rootless.explained(e)
		}
		return e
	})
}

// isInits reports whether the failed step is the init's: then the command is on its way.
func (l *launch) isInits(r report) bool {
	s := l.reported(r)
	return s != nil && s.actor == pid1
}

// initFailed is the error for it, which early mode keeps for the end.
func (l *launch) initFailed(r report) error {
	return l.stepError(l.reported(r), syscall.Errno(r.value))
}

// reported is the step that a report is about: its index counts over the child's steps,
// the init's and the command's.
func (l *launch) reported(r report) *step {
	p, i := l.childPlan(), int(r.index)
	for _, steps := range [...][]*step{p.setup, p.pid1, p.command} {
		if i >= 0 && i < len(steps) {
			return steps[i]
		}
		i -= len(steps)
	}
	return nil
}

// readReport reads one report; told is false at the end of the pipe.
func readReport(fd int) (r report, told bool, err error) {
	b := space(reportSize)
	n, e := sysRead(fd, b)
	if e != 0 {
		return r, false, failedCall("read", "", "REPORTS", e)
	}
	if n != reportSize {
		return r, false, nil
	}
	return *(*report)(unsafe.Pointer(&b[0])), true, nil
}

// joinErrors is errors.Join; cleanUpError marks the clean-up's.
//
//tincan:runtime
func joinErrors(a, b error) error { return errors.Join(a, b) }

//tincan:runtime
func cleanUpError(err error) error { return fmt.Errorf("clean-up: %w", err) }

// log prints a line for --debug.
func (l *launch) log(line string) {
	if l.debug {
		say("%s", line)
	}
}

//tincan:runtime
func (l *launch) logAll(lines []string) {
	for _, line := range lines {
		l.log(line)
	}
}

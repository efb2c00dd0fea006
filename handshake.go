// Chapter 7: what the child reports and what the launcher answers.
//
// pipe(7), read(2).
//
// A step that fails is reported over the close-on-exec pipe, by its number and its errno. This
// file turns the report back into the text of the step. Everything that tincan itself prints
// goes to standard error, with a mark on each line.
//
// Differs from the tutorial: the tutorial's launcher does not find out why the child has ended.

package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// handshake makes the launcher's steps from the plan's step i on. Before some of them it waits
// for a message from the child.
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
			if err := l.verifyInputs(); err != nil {
				return err
			}
			if err := l.openMounts(); err != nil {
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
			return fmt.Errorf("--memory=%s is too small for the start: the kernel killed the container's first process, which is a copy of tincan; at least about 1MiB is needed, and more for most programs", l.c.group.shown("memory"))
		}
		said := ""
		if status.Signaled() && status.Signal() == unix.SIGSYS {
			said = ": a seccomp filter around tincan, as in a container, ends the process for one of its calls; it must allow the calls that `tincan plan` lists (docker run --security-opt seccomp=unconfined, or seccomp=FILE)"
		}
		return fmt.Errorf("the container's first process ended before it was ready (%s)%s", statusText(status), said)
	})
}

// reason returns the child's own report, if there is one, and otherwise the error that the
// launcher has seen.
func (l *launch) reason(err error) error {
	if early {
		return err // the run is made again with the runtime, and then finds the reason
	}
	watched := [1]unix.PollFd{{Fd: int32(l.reports), Events: unix.POLLIN}}
	if n, _ := sysPoll(watched[:], 0); n > 0 && l.pid != 0 {
		if r, told, _ := readReport(l.reports); told && r.what == reportFailed {
			return l.stepFailed(r)
		}
	}
	return err
}

// stepFailed turns a report into an error with the text of the step, and with the right exit
// status.
func (l *launch) stepFailed(r report) error {
	return fault(func() error {
		s, errno := l.reported(r), syscall.Errno(r.value)
		if s == nil {
			return fmt.Errorf("the container's process has reported step %d, which is not in the plan", r.index)
		}
		e := l.stepError(s, errno)
		switch {
		case s.kind == executes || s.kind == opensProgram && errno != unix.ENOSYS && errno != unix.EPERM:
			at := 0
			if s.kind == opensProgram {
				at = 1 // the path comes after AT_FDCWD
			}
			file := gostring(s.args[at].p)
			e.hint = l.c.hintExec(file, errno)
			return &exitError{l.c.execStatus(file, errno), e}
		case s.kind == mapsIDs:
			e.hint = l.c.hintIdmap(s, errno)
		case s.kind == changesDir:
			e.hint = l.c.hintWorkdir(errno)
		case s.kind == forks && errno == unix.EAGAIN:
			e.hint = l.c.hintFork()
		case l.c.rootless.on && s.chapter < 11 && s.advice(errno) == "": // namespaces, hostname, mounts
			return l.c.rootless.explained(e)
		}
		return e
	})
}

// isInits reports whether the failed step is the init's. In this case the command is already
// being started.
func (l *launch) isInits(r report) bool {
	s := l.reported(r)
	return s != nil && s.actor == pid1
}

// initFailed returns the error for such a report. Early mode keeps it until the end.
func (l *launch) initFailed(r report) error {
	return l.stepError(l.reported(r), syscall.Errno(r.value))
}

// reported returns the step of a report, or nil.
func (l *launch) reported(r report) *step {
	steps := l.childPlan().steps()
	if i := int(r.index); i >= 0 && i < len(steps) {
		return steps[i]
	}
	return nil
}

// readReport reads one report. told is false at the end of the pipe.
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

// joinErrors does what errors.Join does.
//
//tincan:runtime
func joinErrors(a, b error) error { return errors.Join(a, b) }

// cleanUpError marks an error as one of the clean-up.
//
//tincan:runtime
func cleanUpError(err error) error { return fmt.Errorf("clean-up: %w", err) }

// log prints a line for --debug.
func (l *launch) log(line string) {
	if l.debug {
		say("%s", line)
	}
}

// logAll prints lines for --debug.
//
//tincan:runtime
func (l *launch) logAll(lines []string) {
	for _, line := range lines {
		l.log(line)
	}
}

// Carrying the plan out.
//
// launch.run makes the steps of planorder.go's plan: the host's before the
// clone, the clone, the handshake with the host's steps in its middle, and then the
// wait for the end (wait.go). Whatever was made goes away on every path.

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// alterPlan is nil except in tests, which make steps fail with it.
var alterPlan func([]*step)

// launch is one run.
type launch struct {
	c      *config
	f      *runFlags
	plan   []*step
	ledger *ledger
	debug  bool

	parent  int // the launcher's end of the socket pair
	reports int // the reading end of the pipe
	closing []int
	pid     int
	pidfd   int
	reaped  *ending // status and usage of pid, if reapOrphans met it
	helpers []*helper

	signals  int // a pipe with a byte for each signal that was caught
	timeout  time.Duration
	deadline time.Time // when endSoon is due; zero is never
	ending   bool      // SIGTERM was sent
	started  time.Time
	stepper  *stepper
	refused  <-chan refusals // --seccomp-log: what the filter refused, at the end
	term     *jobControl
}

// exitError is a run that tincan could not carry out.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// runContainer is `tincan run`: it gives the exit status.
func runContainer(f *runFlags) (int, error) {
	l, err := newLaunch(f)
	if err != nil {
		return 0, err
	}
	return l.carryOut()
}

// newLaunch checks what was asked for, and makes nothing yet.
func newLaunch(f *runFlags) (*launch, error) {
	timeout, err := parseDuration(f.Timeout)
	if err != nil {
		return nil, err
	}
	if err := supported(); err != nil {
		return nil, err
	}
	if err := checkProc(); err != nil {
		return nil, err
	}
	c, err := newConfig(f)
	if err != nil {
		return nil, err
	}
	if err := checkDevices(); err != nil {
		return nil, err
	}
	return &launch{c: c, f: f, debug: f.Debug, timeout: timeout}, nil
}

// carryOut runs the container from nothing to the end, and cleans up.
func (l *launch) carryOut() (int, error) {
	stats, err := openStats(l.f.Stats)
	if err != nil {
		return 0, err
	}
	if l.signals, err = startSignals(); err != nil {
		return 0, err
	}
	end, err := l.run()
	err = errors.Join(err, l.cleanUp(end))
	if end == nil {
		stats.discard()
		return 0, err
	}
	if err != nil { // the command ran and ended; what could not be removed is to be said all the same
		say("%v", err)
	}
	return l.conclude(end, stats)
}

// run carries the plan out. end is nil if the command never ran.
func (l *launch) run() (end *ending, err error) {
	defer l.closeAll()
	if err := l.prepare(); err != nil {
		return nil, err
	}
	theMachine.ready()
	i := 0
	for ; i < len(l.plan) && l.pid == 0; i++ {
		if err := l.hostDo(i); err != nil {
			return nil, err
		}
	}
	// The child runs from here on. If anything fails on this side, it goes.
	defer func() {
		if end == nil {
			l.kill()
		}
	}()
	unix.Close(l.c.fds.child)
	unix.Close(l.c.fds.report)
	l.closing = slices.DeleteFunc(l.closing, func(fd int) bool { return fd == l.c.fds.child || fd == l.c.fds.report })
	if l.stepper != nil {
		l.stepper.begin()
	}
	if err := l.handshake(i); err != nil {
		return nil, l.reason(err)
	}
	if l.c.policy != nil && l.c.policy.notify {
		if err := l.startLog(); err != nil {
			return nil, l.reason(err)
		}
	}
	return l.supervise()
}

// prepare opens what the plan needs, and makes it.
func (l *launch) prepare() error {
	c := l.c
	rootFD, err := unix.Open(c.root.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.closing = append(l.closing, rootFD)
	if l.ledger, err = openLedger(rootFD); err != nil {
		return err
	}
	if err := c.layout(); err != nil {
		return err
	}
	if err := l.open(); err != nil {
		return err
	}
	if l.f.Step {
		if l.stepper, err = newStepper(l); err != nil {
			return err
		}
	}
	if l.plan, err = containerPlan(c); err != nil {
		return err
	}
	if alterPlan != nil {
		alterPlan(l.plan)
	}
	for _, line := range c.warnings {
		say("--seccomp: %s", line)
	}
	for _, line := range c.group.absent {
		l.log(line)
	}
	if c.group.lacks != nil {
		say("%s", c.standInText())
	}
	return nil
}

// open opens the descriptors that the child inherits. All are close-on-exec.
func (l *launch) open() error {
	var pair, pipe [2]int
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return &hostError{call: "socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0)", err: err}
	}
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return &hostError{call: "pipe2(O_CLOEXEC)", err: err}
	}
	// Above what the command keeps: then the plan's text is the same whatever the numbers are.
	report, err := unix.FcntlInt(uintptr(pipe[1]), unix.F_DUPFD_CLOEXEC, firstReport(l.c.passFDs))
	unix.Close(pipe[1])
	if err != nil {
		return &hostError{call: "fcntl(F_DUPFD_CLOEXEC)", err: err}
	}
	l.closing = append(l.closing, pair[0], pair[1], pipe[0], report)
	l.parent, l.reports = pair[0], pipe[0]
	l.c.fds = fds{parent: pair[0], child: pair[1], report: report}
	if l.c.init {
		if err := l.openTitle(); err != nil {
			return err
		}
	}
	if l.c.group.version() == 1 {
		// The files can only be opened once the group is there; their numbers are
		// part of the plan, and are reserved here.
		for range l.c.group.parents {
			n, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_DUPFD_CLOEXEC, 3)
			if err != nil {
				return &hostError{call: "fcntl(F_DUPFD_CLOEXEC)", err: err}
			}
			l.closing = append(l.closing, n)
			l.c.fds.group = append(l.c.fds.group, n)
		}
	}
	if l.c.policy != nil && l.c.policy.notify {
		n, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return &hostError{call: "fcntl(F_DUPFD_CLOEXEC)", err: err}
		}
		l.closing = append(l.closing, n)
		l.c.fds.listener = n
	}
	l.term = newJobControl()
	if l.term != nil {
		l.closing = append(l.closing, l.term.fd)
		l.c.fds.tty, l.c.tty = l.term.fd, l.term.handOver
	}
	return nil
}

// openTitle makes the file that the init's new command line is read from.
func (l *launch) openTitle() error {
	fd, err := unix.MemfdCreate("title", unix.MFD_CLOEXEC)
	if err != nil {
		return &hostError{call: `memfd_create("title", MFD_CLOEXEC)`, err: err}
	}
	l.closing = append(l.closing, fd)
	l.c.fds.title = fd
	title := make([]byte, len(argvArea()))
	copy(title, "tincan-init")
	if _, err := unix.Pwrite(fd, title, 0); err != nil {
		return &hostError{call: "pwrite64(TITLE)", err: err}
	}
	return nil
}

// hostDo makes the plan's step i, which is the host's.
func (l *launch) hostDo(i int) error {
	s := l.plan[i]
	if l.debug {
		l.log(s.String())
	}
	if l.stepper != nil {
		if err := l.stepper.host(i); err != nil {
			return err
		}
	}
	err := s.do(l)
	if err == nil {
		return nil
	}
	var he *hostError
	if e := errnoOf(err); e != 0 && !errors.As(err, &he) {
		return &stepError{step: s, index: i + 1, total: len(l.plan), errno: e}
	}
	return err
}

// clone is the host's step that starts the child.
func (l *launch) clone() error {
	c := l.c
	group := -1
	switch c.group.version() {
	case 2:
		dir := c.group.dirs()[0]
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return &hostError{call: fmt.Sprintf("open(%s, O_PATH|O_DIRECTORY)", quote(dir)), err: err}
		}
		defer unix.Close(fd)
		group = fd
	case 1:
		for i, dir := range c.group.dirs() {
			file := dir + "/tasks"
			fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				err = unix.Dup3(fd, c.fds.group[i], unix.O_CLOEXEC)
				unix.Close(fd)
			}
			if err != nil {
				return &hostError{call: fmt.Sprintf("open(%s, O_WRONLY)", quote(file)), err: err}
			}
		}
	}
	p := l.childPlan()
	var err error
	l.pid, l.pidfd, err = startChild(namespaces(c), p, group, c.mask)
	if err != nil {
		l.pid = 0
		if c.rootless.on {
			return c.rootless.explained(err)
		}
		return err
	}
	l.closing = append(l.closing, l.pidfd)
	for _, fd := range c.fds.group {
		unix.Close(fd)
	}
	l.closing = slices.DeleteFunc(l.closing, func(fd int) bool { return slices.Contains(c.fds.group, fd) })
	return nil
}

// kill ends the container at once and waits for its end: with PID 1 the kernel ends
// everything in the namespace.
func (l *launch) kill() {
	if l.pid == 0 {
		return
	}
	unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
	l.reap()
	l.pid = 0
}

// reap waits for the end of the container's first process.
func (l *launch) reap() (unix.WaitStatus, unix.Rusage) {
	var status unix.WaitStatus
	var usage unix.Rusage
	if l.reaped != nil {
		return l.reaped.status, l.reaped.usage
	}
	for {
		n, err := retry(func() (int, error) { return unix.Wait4(l.pid, &status, 0, &usage) })
		if err != nil || n == l.pid {
			return status, usage
		}
	}
}

// reapOrphans reaps, in PID 1 of a machine, whatever has ended. That may be the
// container's first process, whose status is kept.
func (l *launch) reapOrphans() {
	if l.reaped == nil {
		l.reaped = reapUntil(l.pid)
	}
}

// cleanUp removes what the run made. end is told what the group has counted, which
// must be read before the group goes.
func (l *launch) cleanUp(end *ending) error {
	if end != nil {
		end.group = l.c.group.readCounters(l.f.Stats != "")
	}
	if l.ledger == nil {
		return nil
	}
	if err := l.ledger.close(); err != nil {
		return fmt.Errorf("clean-up: %w", err)
	}
	return nil
}

func (l *launch) closeAll() {
	for _, fd := range l.closing {
		unix.Close(fd)
	}
	l.closing = nil
}

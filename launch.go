// Chapters 5 and 6: making the calls of the plan.
//
// launch.run makes the steps of planorder.go's plan: the launcher's steps before the clone, the
// clone, the handshake with the launcher's other steps (handshake.go), and then the wait for the
// end (wait.go). What was made is removed in every case.
//
// All of this works before Go's runtime has started, too. A run that fails there before the
// command has run is undone and made again with the runtime, which prints the reason (start.go).
//
// Differs from the tutorial: after an error, the tutorial leaves behind what it has made.

package main

import "golang.org/x/sys/unix"

// launch is one run.
type launch struct {
	c      *config
	f      *runFlags
	y      *layout
	plan   plan
	fds    fds
	ledger *ledger
	debug  bool

	groupName string   // the name of the resource group: c.group.name, or another one if that was taken
	absent    []string // the limits for which this kernel has no file

	parent    int   // the launcher's end of the socket pair
	reports   int   // the reading end of the pipe
	closing   []int // the descriptors that closeAll closes
	pid       int
	pidfd     int
	mountinfo int     // the list of the child's mounts
	reaped    *ending // the status and usage of pid, if reapOrphans has reaped it
	helpers   []*helper
	monitor   int // the monitor's process id, or 0
	alive     int // the writing end of a pipe: when it is closed, the monitor knows that the launcher has ended

	signals     signalSource
	timeout     int64 // in nanoseconds; 0 means none. The times below are those of sysClock
	deadline    int64 // when endSoon must be called; 0 means never
	ending      bool  // SIGTERM has been sent
	askedToStop bool  // SIGTSTP has arrived, and no SIGCONT since then
	started     int64
	stepper     *stepper
	refused     <-chan refusals // for --seccomp-log: what the filter has refused
	recorder    *recorder       // tincan record
	term        *jobControl
	stats       *statsFile

	end     *ending // how the command ended; nil if it has not run
	trouble error   // an error of the clean-up, after the command has ended
	watched bool    // --status-fd has reported the start
}

// run runs a command in a container. It returns the exit status. done is false if the run needs
// the runtime: either everything that was made has been undone, or the command has ended
// (startedEarly).
func run(f *runFlags) (status int, done bool) {
	lockThread()
	quiet = f.Quiet
	l, err := newLaunch(f)
	if err == nil {
		err = l.carryOut()
	}
	for picks := 1; err == idsTaken && !early; picks++ {
		if picks == mostPicks {
			err = noFreeRange()
			break
		}
		if l, err = newLaunch(f); err == nil {
			err = l.carryOut()
		}
	}
	switch {
	case err != nil && early:
		return statusFailed, false
	case err != nil:
		status = failed(nested(err))
		if l != nil {
			l.sayEnded(status)
		}
		return status, true
	}
	l.conclude()
	if !early {
		l.say()
	} else if l.stats != nil || l.trouble != nil {
		startedEarly = l
		return l.end.exitStatus(), false
	}
	if status = l.end.exitStatus(); !early {
		if theRecord != nil {
			status = theRecord.finish(l, status)
		}
		l.sayEnded(status)
	}
	return status, true
}

// runEarly runs a command line of the command `run` that needs no runtime.
func runEarly(args []string) (status int, done bool) {
	if namesCommand(args) {
		if args[0] != "run" {
			return statusFailed, false
		}
		args = args[1:]
	}
	f := readFlags(args)
	if f == nil || f.Debug || f.Step || f.SeccompLog || f.StatusFD != nil {
		return statusFailed, false
	}
	return run(f)
}

// newLaunch checks what was asked for. It makes nothing yet.
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
	if !c.rootless.who.devices {
		if err := checkDevices(); err != nil {
			c.close()
			return nil, err
		}
	}
	// The launcher writes to both after the clone, so they are next to each other (clone.go).
	l := keep(launch{c: c, f: f, debug: f.Debug, timeout: timeout, groupName: c.group.name})
	l.closing = grow([]int(nil), 24)
	if c.root.fd != 0 {
		l.closing = add(l.closing, c.root.fd)
	}
	if theRecord != nil {
		if err := theRecord.begin(l); err != nil {
			c.close()
			return nil, err
		}
	}
	return l, nil
}

// carryOut runs the container from the start to the end, and cleans up. The error is nil if the
// command ran, and then l.end says how it ended.
func (l *launch) carryOut() error {
	stats, err := openStats(l.f.Stats)
	if err == nil && !early {
		err = l.checkStatusFD()
	}
	if err != nil {
		l.c.close()
		return err
	}
	l.stats = stats
	if theMachine != nil { // PID 1 of a machine already catches its signals
		l.signals = theMachine.signals
		err = theMachine.deaf
	} else {
		err = l.signals.start()
	}
	if err == nil {
		err = l.run()
	}
	if err != nil {
		l.dropHelpers(l.helpers)
		l.kill()
		l.end = nil
	}
	trouble := l.cleanUp()
	l.closeAll()
	if l.end == nil {
		stats.discard()
		l.signals.stop()
		return joined(err, trouble)
	}
	if l.trouble == nil {
		l.trouble = trouble
	}
	return nil
}

// joined returns err. With the runtime it also contains trouble.
func joined(err, trouble error) error {
	if err == nil || trouble == nil || early {
		return err
	}
	return joinErrors(err, trouble)
}

// run makes the steps of the plan. If it fails after the container's process was started, the
// caller kills that process.
func (l *launch) run() error {
	if err := l.prepare(); err != nil {
		return err
	}
	if theMachine != nil {
		theMachine.ready()
	}
	i := 0
	for ; i < len(l.plan) && l.pid == 0; i++ {
		if err := l.hostDo(l.plan[i]); err != nil {
			return err
		}
	}
	// The kernel starts the child on this processor as soon as the launcher waits, so whatever
	// can be done later is done later.
	l.close(l.fds.child)
	l.close(l.fds.report)
	if l.stepper != nil {
		l.stepper.begin()
	}
	if err := l.handshake(i); err != nil {
		return l.reason(err)
	}
	if l.c.listens() {
		if err := l.startLog(); err != nil {
			return l.reason(err)
		}
	}
	return l.wait()
}

// prepare opens what the plan needs, and makes it.
func (l *launch) prepare() error {
	c := l.c
	fd, err := c.root.open()
	if err != nil {
		return err
	}
	if c.root.fd == 0 {
		l.closing = add(l.closing, fd)
	}
	l.ledger = newLedger(c.rootless.who)
	if err := l.ledger.takeIDs(c.ids); err != nil {
		return err
	}
	if !c.root.host && !c.ephemeral {
		if err := l.ledger.useTree(fd, c.root.dir); err != nil {
			return err
		}
	}
	if l.y, err = newLayout(c, fd); err != nil {
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
	l.plan = newPlan(c, l.y, &l.fds)
	sabotage(l.plan)
	for _, line := range c.remarks {
		remark(line)
	}
	for _, line := range c.warnings {
		remark(text("--seccomp: ", line))
	}
	if !early {
		l.logAll(c.group.absent)
	}
	if c.group.lacks != nil {
		remark(standInText(c.rlimits))
	}
	return nil
}

// clonedEarly is set if a run before the runtime has made namespaces.
var clonedEarly bool

// clone starts the child.
func (l *launch) clone(s *step) error {
	c, group := l.c, -1
	switch c.group.version() {
	case 2:
		dir := c.group.dirs(l.groupName)[0]
		fd, e := sysOpen(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
		if e != 0 {
			return failedCall("open", dir, "O_PATH|O_DIRECTORY", e)
		}
		l.closing = add(l.closing, fd)
		group = fd
	case 1:
		for i, dir := range c.group.dirs(l.groupName) {
			file := text(dir, "/tasks")
			fd, e := sysOpen(file, unix.O_WRONLY, 0)
			if e == 0 {
				e = sysDup3(fd, l.fds.group[i])
				sysClose(fd)
			}
			if e != 0 {
				return failedCall("open", file, "O_WRONLY", e)
			}
		}
	}
	kinds, p := namespaces(c.rootless.on, c.net, c.group.version()), l.childPlan()
	area, own := replaceArgs(c.init)
	pid, pidfd, e := startChild(kinds, p, group, c.mask, &l.signals)
	// The kernel releases a namespace some time after its last process has ended. The namespaces
	// of the run that failed before the runtime may still be counted.
	for tries := 0; e == unix.ENOSPC && !early && clonedEarly && tries < 100; tries++ {
		sysSleep(10)
		pid, pidfd, e = startChild(kinds, p, group, c.mask, &l.signals)
	}
	copy(area, own)
	clonedEarly = early && e == 0
	if e != 0 {
		err := l.stepError(s, e).hinted(hintClone)
		if c.rootless.on {
			return fault(func() error { return c.rootless.explained(err) })
		}
		return err
	}
	l.pid, l.pidfd = pid, pidfd
	l.closing = add(l.closing, pidfd)
	return nil
}

// cleanUp removes what the run has made.
func (l *launch) cleanUp() error {
	l.endWatch()
	if l.ledger == nil {
		return nil
	}
	err := l.ledger.close()
	if err == nil {
		return nil
	}
	if early {
		return err
	}
	return cleanUpError(err)
}

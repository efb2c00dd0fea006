// What the launcher does while the command runs: signals, the terminal, the time limit, and how
// the command ended.
//
// signal(7), wait(2), pidfd_send_signal(2).
//
// Differs from the tutorial: the exit status is the command's; a signal to the launcher reaches
// the command (in the tutorial, SIGTERM ended the launcher, and the command and its group
// stayed); there is a PID 1 that reaps.

package main

import (
	"fmt"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killAfter is how long a command may take to end after SIGTERM, in nanoseconds.
const killAfter = 5e9

// parseDuration reads a --timeout, in Go's notation or as a number of seconds, and returns
// nanoseconds. Reading whole seconds does not need the runtime.
func parseDuration(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if n, valid := number(withoutEnd(s, "s")); valid && n > 0 && n < 1e9 {
		return int64(n) * 1e9, nil
	}
	if !early {
		return durationOf(s)
	}
	return 0, notNow
}

// durationOf is parseDuration with the runtime.
//
//tincan:runtime
func durationOf(s string) (int64, error) {
	d, err := time.ParseDuration(s)
	if seconds, e := strconv.ParseFloat(s, 64); e == nil && seconds < 1e9 {
		d, err = time.Duration(seconds*float64(time.Second)), nil // below 1e9, because an overflow gives different numbers on different architectures
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--timeout=%s: not a duration, such as 30s, 1m30s, 500ms or a number of seconds", s)
	}
	return int64(d), nil
}

// wait waits until the command has ended, and sets l.end. It returns an error if the command was
// never executed. It is a single loop around poll(2), on the thread that cloned.
func (l *launch) wait() error {
	l.started = sysClock()
	end := one[ending]()
	var failed error
	told := false
	if l.timeout > 0 {
		l.deadline = l.started + l.timeout
	}
	watched := [3]unix.PollFd{
		{Fd: int32(l.signals.fd), Events: unix.POLLIN},
		{Fd: int32(l.reports), Events: unix.POLLIN},
		{Fd: int32(l.pidfd), Events: unix.POLLIN},
	}
	if len(l.signals.put) > 0 { // they arrived while the launcher was waiting for a helper
		l.passSignals()
	}
	settled := !early
	if settled {
		l.settle()
	}
	for {
		if l.deadline != 0 && sysClock() >= l.deadline { // checked in each round, so that a stream of reports cannot delay it
			end.timedOut = end.timedOut || !l.ending
			l.endSoon()
		}
		limit := l.untilDeadline()
		if !settled && (limit < 0 || limit > settling) {
			limit = settling
		}
		n, e := sysPoll(watched[:], limit)
		if e == 0 && n == 0 && !settled {
			settled = true
			l.settle()
		}
		if e != 0 && e != unix.EINTR {
			return l.abandon(end, failedCall("poll", "", "", e))
		}
		if n <= 0 || e != 0 {
			continue
		}
		if watched[0].Revents != 0 {
			l.passSignals()
		}
		if watched[1].Revents != 0 {
			r, more, err := l.nextReport()
			switch {
			case err != nil:
				return l.abandon(end, err)
			case !more:
				watched[1].Fd = -1 // the child sends no more reports
			case r.what == reportFailed && l.isInits(r):
				return l.abandon(end, l.initFailed(r))
			case r.what == reportFailed:
				failed = l.stepFailed(r)
			case r.what == reportStopped:
				l.stopped(syscall.Signal(r.value))
			case r.what == reportEnded:
				end.status, told = unix.WaitStatus(r.value), true
			}
			if !told {
				continue // the command's end is reported after the last report
			}
		}
		// The init ends immediately after it has reported the command's end.
		if !told && watched[2].Revents == 0 {
			continue
		}
		l.besideEnd(end)
		var status unix.WaitStatus
		status, end.usage = l.reap()
		l.pid = 0
		l.term.takeBack()
		if failed != nil {
			return failed
		}
		if !told {
			end.status = status
		}
		end.wall = sysClock() - l.started
		l.end = end
		return nil
	}
}

// nextReport reads a report. Of several consecutive stops it returns only the last: a program
// that stops and continues the command in a loop must not keep the launcher busy with old
// reports.
func (l *launch) nextReport() (r report, more bool, err error) {
	const pipeHolds = 65536 / reportSize // pipe(7)
	r, more, err = readReport(l.reports)
	for i := 0; i < pipeHolds && more && err == nil && r.what == reportStopped; i++ {
		watched := [1]unix.PollFd{{Fd: int32(l.reports), Events: unix.POLLIN}}
		if n, _ := sysPoll(watched[:], 0); n <= 0 || watched[0].Revents&unix.POLLIN == 0 {
			break
		}
		r, more, err = readReport(l.reports)
	}
	return r, more, err
}

// abandon ends the run with an error. The command may have run already, so the run must not be
// made again.
func (l *launch) abandon(end *ending, err error) error {
	l.besideEnd(end)
	l.kill()
	end.status = statusFailed << 8
	l.end, l.trouble = end, err
	return nil
}

// besideEnd does what can be done while the kernel takes the container apart. The group's
// counters must be read before the group is removed.
func (l *launch) besideEnd(end *ending) {
	end.group = l.c.group.readCounters(l.groupName, l.f.Stats != "")
	l.ledger.look()
}

// settling is how long the launcher waits, in milliseconds, before it prepares for a long wait.
// Most commands have ended by then.
const settling = 100

// settle releases what a waiting launcher does not need.
func (l *launch) settle() {
	for _, fd := range l.fds.group {
		l.close(fd)
	}
	if len(l.y.toMake) == 0 {
		if err := l.ledger.lacksNothing(); err != nil && l.trouble == nil {
			l.trouble = err
		}
	}
	if early {
		giveBack()
	}
}

// untilDeadline returns the time until the deadline in milliseconds, or -1 if there is none.
func (l *launch) untilDeadline() int {
	if l.deadline == 0 {
		return -1
	}
	return int(max(0, l.deadline-sysClock())/1e6) + 1
}

// endSoon ends the command. The first call sends SIGTERM and sets the deadline for the second,
// which sends SIGKILL to all processes.
func (l *launch) endSoon() {
	l.deadline = sysClock() + killAfter
	if l.ending {
		sysPidfdSend(l.pidfd, unix.SIGKILL)
		return
	}
	l.ending = true
	l.send(unix.SIGTERM)
	l.send(unix.SIGCONT) // a stopped command does not notice SIGTERM
}

// passSignals passes on the signals that have arrived.
func (l *launch) passSignals() {
	for {
		s, come := l.signals.next()
		switch {
		case !come:
			return
		case s == unix.SIGCHLD:
			if theMachine != nil {
				l.reapOrphans()
			}
			l.checkStopped()
		case theMachine != nil && endsMachine(s):
			l.endSoon()
		default:
			l.askedToStop = s == unix.SIGTSTP || l.askedToStop && s != unix.SIGCONT
			if s == unix.SIGCONT {
				l.term.continued(l.pid, l.c.init)
			}
			if s == unix.SIGTSTP && l.term.stop(l.pid, l.c.init) {
				continue // the init reports when it has stopped
			}
			l.send(s)
		}
	}
}

// reapOrphans reaps, in PID 1 of a machine, all children that have ended. If one of them is the
// container's first process, its status is kept.
//
//tincan:runtime
func (l *launch) reapOrphans() {
	if l.reaped == nil {
		l.reaped = reapUntil(l.pid)
	}
}

// checkStopped is for a command without an init, where nothing else reports that it was stopped.
func (l *launch) checkStopped() {
	if l.c.init {
		return // the init reports it
	}
	var info unix.Siginfo
	if sysWaitid(l.pid, &info, unix.WSTOPPED|unix.WNOHANG) == 0 && info.Signo == int32(unix.SIGCHLD) {
		l.stopped(unix.SIGTSTP)
	}
}

func sysWaitid(pid int, info *unix.Siginfo, options int) syscall.Errno {
	_, e := rawCall(unix.SYS_WAITID, unix.P_PID, uintptr(pid), uintptr(unsafe.Pointer(info)), uintptr(options), 0, 0)
	return e
}

// send sends a signal to the container's first process. The init passes it on.
func (l *launch) send(s syscall.Signal) { sysPidfdSend(l.pidfd, s) }

// stopped is called when the command was stopped. If there is a terminal, or if the launcher was
// told to stop, the launcher stops as well, so that the caller's shell shows its prompt again.
// It continues with SIGCONT.
func (l *launch) stopped(s syscall.Signal) {
	if (s == unix.SIGTTIN || s == unix.SIGTTOU) && l.term.lend(l.pid, l.c.init) {
		l.send(unix.SIGCONT)
		return
	}
	if theMachine != nil { // nobody could continue it there with a shell's `fg`
		l.send(unix.SIGCONT)
		return
	}
	if l.ending || (l.term == nil || l.term.apart) && !l.askedToStop {
		return // no shell waits for a job to stop, so nobody would continue the launcher
	}
	l.askedToStop = false
	lent := l.term != nil && l.term.lent
	l.term.takeBack()
	// Ctrl-Z is for the whole job. If the terminal sent it only to the command, the launcher
	// sends it to its own group here.
	if l.deadline == 0 {
		stopSelf(lent && s == unix.SIGTSTP)
		return
	}
	// While the launcher is stopped it cannot notice the deadline, and other processes of the
	// command may still run. So the kernel continues the launcher in time, or the launcher does
	// not stop.
	if timer, e := sysTimerAt(l.deadline, unix.SIGCONT); e == 0 {
		stopSelf(lent && s == unix.SIGTSTP)
		sysTimerDelete(timer)
	}
}

// conclude prints at the end what does not need the runtime.
func (l *launch) conclude() {
	for _, line := range l.end.group.notes(&l.c.group) {
		remark(line)
	}
	if int(l.end.status)&0x7f == int(unix.SIGSYS) && l.c.program != nil { // wait(2): the signal that ended it
		if l.c.is32Bit() {
			remark("the seccomp filter killed a 32-bit program, because it kills programs of other architectures: use a 64-bit program or --seccomp=none")
		} else {
			remark("SIGSYS: the seccomp filter killed a program of the command, because of a forbidden call or because it is a 32-bit program; tincan record --diff=FILE -- COMMAND shows the calls that the profile FILE does not allow")
		}
	}
	if l.refused != nil {
		l.sayRefused()
	}
	if l.end.timedOut {
		remark(text("ended after --timeout=", l.f.Timeout))
	}
}

// say prints the rest, which needs the runtime: errors of the clean-up, and the report of
// --stats. l may come from early mode, so it is only read.
//
//tincan:runtime
func (l *launch) say() {
	if l.trouble != nil {
		say("%v", l.trouble)
	}
	if l.stats != nil {
		if err := l.stats.write(l.end); err != nil {
			say("%v", err)
		}
	}
	if theMachine != nil {
		theMachine.ending = l.end
	}
}

// sayRefused prints the report of --seccomp-log.
//
//tincan:runtime
func (l *launch) sayRefused() {
	r := <-l.refused // all processes have ended, so the kernel has ended the log
	for _, line := range refusalReport(r.calls) {
		say("%s", line)
	}
	if r.err != nil {
		say("--seccomp-log: the report is not complete: %v", r.err)
	}
}

// kill ends the container at once and waits until it has ended. When PID 1 dies, the kernel
// kills all processes of the namespace.
func (l *launch) kill() {
	if l.pid == 0 {
		return
	}
	sysPidfdSend(l.pidfd, unix.SIGKILL)
	l.reap()
	l.pid = 0
	l.term.takeBack()
}

// reap waits until the container's first process has ended.
func (l *launch) reap() (status unix.WaitStatus, usage unix.Rusage) {
	if l.reaped != nil {
		return l.reaped.status, l.reaped.usage
	}
	u := one[unix.Rusage]()
	sysWait4(l.pid, &status, 0, u)
	return status, *u
}

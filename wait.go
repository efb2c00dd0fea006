// The launcher while the command runs: signals, the terminal, the time limit, and how it
// ended.
//
// signal(7), wait(2), pidfd_send_signal(2).
//
// Differs from the tutorial: the exit status is the command's; a signal to the launcher
// reaches the command (there, SIGTERM ended the launcher and left the command and its
// group behind); and there is a PID 1 that reaps.

package main

import (
	"fmt"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killAfter is how long a command that was told to end (SIGTERM) may take, in nanoseconds.
const killAfter = 5e9

// parseDuration reads a --timeout: Go's notation, or a bare number of seconds. It returns
// nanoseconds. Whole seconds need no runtime.
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
		d, err = time.Duration(seconds*float64(time.Second)), nil // below 1e9: what overflows is another number on each architecture
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--timeout=%s: not a duration: 30s, 1m30s, 500ms, or a number of seconds", s)
	}
	return int64(d), nil
}

// wait waits for the end of the command, and sets l.end. It returns an error if the command
// was never executed. It is one loop around poll(2), on the thread that cloned.
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
	if !early {
		if err := l.sayStarted(); err != nil {
			return err
		}
	}
	if len(l.signals.put) > 0 { // they came while a helper was waited for
		l.passSignals()
	}
	settled := !early
	if settled {
		l.settle()
	}
	for {
		if l.deadline != 0 && sysClock() >= l.deadline { // also where there is no end of reports
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
				watched[1].Fd = -1 // the child has nothing more to say
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
				continue // the end is told after the last report
			}
		}
		// The init ends right after it has told the command's end.
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

// nextReport reads a report. Of several stops in a row it is the last: who stops and continues the
// command in a loop does not keep the launcher busy with what is past.
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

// abandon ends the run with an error although the command may have run: it must not be
// started again.
func (l *launch) abandon(end *ending, err error) error {
	l.besideEnd(end)
	l.kill()
	end.status = statusFailed << 8
	l.end, l.trouble = end, err
	return nil
}

// besideEnd is what can be done while the kernel takes the container apart. What the group
// has counted must be read before the group goes.
func (l *launch) besideEnd(end *ending) {
	end.group = l.c.group.readCounters(l.groupName, l.f.Stats != "")
	l.ledger.look()
}

// settling is for how long a command runs, in milliseconds, before the launcher readies
// itself for a long wait. Most are over by then.
const settling = 100

// settle lets go of what a launcher that waits does not need.
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

// untilDeadline is the time until then in milliseconds, or -1.
func (l *launch) untilDeadline() int {
	if l.deadline == 0 {
		return -1
	}
	return int(max(0, l.deadline-sysClock())/1e6) + 1
}

// endSoon ends the command: SIGTERM the first time, SIGKILL for all the second, which comes
// by itself.
func (l *launch) endSoon() {
	l.deadline = sysClock() + killAfter
	if l.ending {
		sysPidfdSend(l.pidfd, unix.SIGKILL)
		return
	}
	l.ending = true
	l.send(unix.SIGTERM)
	l.send(unix.SIGCONT) // a stopped command does not see SIGTERM
}

// passSignals passes on whatever has come.
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
				continue // the init says when it has stopped
			}
			l.send(s)
		}
	}
}

// reapOrphans reaps, in PID 1 of a machine, whatever has ended. That may be the container's
// first process, whose status is kept.
//
//tincan:runtime
func (l *launch) reapOrphans() {
	if l.reaped == nil {
		l.reaped = reapUntil(l.pid)
	}
}

// checkStopped is for a command without an init: nobody else says that it was stopped.
func (l *launch) checkStopped() {
	if l.c.init {
		return // it reports
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

// send sends a signal to the container's first process: the init passes it on.
func (l *launch) send(s syscall.Signal) { sysPidfdSend(l.pidfd, s) }

// stopped is called when the command was stopped. Where there is a terminal, or the launcher was
// told to stop, it stops as well, so that the caller's shell has its prompt again, and goes on with
// SIGCONT.
func (l *launch) stopped(s syscall.Signal) {
	if (s == unix.SIGTTIN || s == unix.SIGTTOU) && l.term.lend(l.pid, l.c.init) {
		l.send(unix.SIGCONT)
		return
	}
	if theMachine != nil { // nobody has a shell's `fg` there
		l.send(unix.SIGCONT)
		return
	}
	if l.ending || (l.term == nil || l.term.apart) && !l.askedToStop {
		return // no shell waits for a job to stop: a stopped launcher would be one that nobody continues
	}
	l.askedToStop = false
	lent := l.term != nil && l.term.lent
	l.term.takeBack()
	// Ctrl-Z is for the whole job; where the terminal told the command only, the
	// launcher's group is told here.
	if l.deadline == 0 {
		stopSelf(lent && s == unix.SIGTSTP)
		return
	}
	// Nobody would see the deadline pass while the launcher is stopped, and the command's other
	// processes may not be: so the kernel continues it in time, or it does not stop.
	if timer, e := sysTimerAt(l.deadline, unix.SIGCONT); e == 0 {
		stopSelf(lent && s == unix.SIGTSTP)
		sysTimerDelete(timer)
	}
}

// conclude says what there is to say at the end in plain words.
func (l *launch) conclude() {
	for _, line := range l.end.group.notes(&l.c.group) {
		remark(line)
	}
	if l.end.exitStatus() == 128+int(unix.SIGSYS) && l.c.program != nil {
		if l.c.is32Bit() {
			remark("the filter has ended a 32-bit program, as it does with every other architecture's: it takes a 64-bit one, or --seccomp=none")
		} else {
			remark("SIGSYS: the filter has ended a program of the command's at a call, or for being a 32-bit one, all of whose calls it refuses; --seccomp=FILE takes another filter")
		}
	}
	if l.refused != nil {
		l.sayRefused()
	}
	if l.end.timedOut {
		remark(text("ended after --timeout=", l.f.Timeout))
	}
}

// say says the rest, which needs the runtime: what the clean-up met, and the report of
// --stats. l may be what early mode has left: it is read only.
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

// sayRefused is the report of --seccomp-log.
//
//tincan:runtime
func (l *launch) sayRefused() {
	r := <-l.refused // all processes are gone, so the kernel has told it the end
	for _, line := range refusalReport(r.calls) {
		say("%s", line)
	}
	if r.err != nil {
		say("--seccomp-log: the report is not complete: %v", r.err)
	}
}

// kill ends the container at once and waits for its end: with PID 1 the kernel ends
// everything in the namespace.
func (l *launch) kill() {
	if l.pid == 0 {
		return
	}
	sysPidfdSend(l.pidfd, unix.SIGKILL)
	l.reap()
	l.pid = 0
	l.term.takeBack()
}

// reap waits for the end of the container's first process.
func (l *launch) reap() (status unix.WaitStatus, usage unix.Rusage) {
	if l.reaped != nil {
		return l.reaped.status, l.reaped.usage
	}
	u := one[unix.Rusage]()
	sysWait4(l.pid, &status, 0, u)
	return status, *u
}

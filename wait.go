// The launcher while the command runs: signals, the terminal, the time limit, and
// how it ended.
//
// signal(7), wait(2), pidfd_send_signal(2).
//
// Differs from the tutorial: the exit status is the command's; a signal to the
// launcher reaches the command (there, SIGTERM ended the launcher and left the
// command and its group behind); and there is a PID 1 that reaps.

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exit statuses of tincan's own (cli.md); they are those of timeout(1) and env(1).
const (
	statusTimedOut = 124
	statusFailed   = 125
)

// killAfter is how long a command that was told to end (SIGTERM) may take.
const killAfter = 5 * time.Second

// settling is for how long a command runs, in milliseconds, before the launcher readies
// itself for a long wait. Most are over by then.
const settling = 100

// settle is for commands that run longer.
func settle() {
	// PR_SET_PDEATHSIG is about the thread that has cloned: it must live as long as the
	// container. Go ends no thread but one that a goroutine is locked to; so this says no
	// more than that, and would cost a thread before the clone.
	runtime.LockOSThread()
	// From here on there is nothing to collect, and Go would have a look every two
	// minutes. The limit brings the collector back if ever there is.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(64 << 20)
	dropProgram()
}

// dropProgram gives the program's own pages back: a container that sleeps needs none of
// them, and what is needed is mapped again when it is (madvise(2), MADV_DONTNEED).
func dropProgram() {
	text, _ := readFile("/proc/self/maps")
	if strings.Contains(text, ".so") {
		return // a dynamic program, as for -race: its linker has written to pages that are read-only now
	}
	for line := range strings.SplitSeq(text, "\n") {
		where, rest, _ := strings.Cut(line, " ")
		from, to, _ := strings.Cut(where, "-")
		if !strings.HasPrefix(rest, "r--p") && !strings.HasPrefix(rest, "r-xp") || !strings.Contains(rest, "/") {
			continue // what was written to would be lost
		}
		start, err := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err == nil && err2 == nil {
			unix.RawSyscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
		}
	}
}

// ending is how the command ended.
type ending struct {
	status   unix.WaitStatus // the command's
	timedOut bool
	wall     time.Duration
	usage    unix.Rusage // of all the container's processes
	group    counters
}

// exitStatus is the launcher's own: the command's, or 128 and the signal's number.
func (e *ending) exitStatus() int {
	switch {
	case e.timedOut:
		return statusTimedOut
	case e.status.Signaled():
		return 128 + int(e.status.Signal())
	}
	return e.status.ExitStatus()
}

func statusText(w unix.WaitStatus) string {
	if w.Signaled() {
		return "signal " + signalName(w.Signal())
	}
	return fmt.Sprintf("exit status %d", w.ExitStatus())
}

func signalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	if s >= 32 && s <= 64 {
		return fmt.Sprintf("SIGRT_%d", int(s)-32)
	}
	return fmt.Sprintf("signal %d", int(s))
}

// supervise waits for the end of the command. It returns an error if the command
// was never executed. It is one loop around poll(2), on the thread that cloned:
// threads of their own for each thing to wait for would cost more than the command.
func (l *launch) supervise() (*ending, error) {
	l.started = time.Now()
	end := &ending{}
	var failed error
	told := false
	if l.timeout > 0 {
		l.deadline = l.started.Add(l.timeout)
	}
	fds := []unix.PollFd{
		{Fd: int32(l.signals), Events: unix.POLLIN},
		{Fd: int32(l.reports), Events: unix.POLLIN},
		{Fd: int32(l.pidfd), Events: unix.POLLIN},
	}
	settled := false
	for {
		wait := -1
		if !l.deadline.IsZero() {
			wait = max(0, int(time.Until(l.deadline).Milliseconds())+1)
		}
		if !settled && (wait < 0 || wait > settling) {
			wait = settling
		}
		n, err := retry(func() (int, error) { return unix.Poll(fds, wait) })
		if err != nil {
			return nil, &hostError{call: "poll", err: err}
		}
		if n == 0 && !settled {
			settle()
			settled = true
		}
		if n == 0 && !l.deadline.IsZero() && !time.Now().Before(l.deadline) {
			end.timedOut = end.timedOut || !l.ending
			l.endSoon()
		}
		if fds[0].Revents != 0 {
			l.passSignals()
		}
		if fds[1].Revents != 0 {
			r, ok, err := readReport(l.reports)
			switch {
			case err != nil:
				return nil, err
			case !ok:
				fds[1].Fd = -1 // the child has nothing more to say
			case r.what == reportFailed:
				failed = l.stepFailed(r)
			case r.what == reportStopped:
				l.stopped(syscall.Signal(r.value))
			case r.what == reportEnded:
				end.status, told = unix.WaitStatus(r.value), true
			}
			continue // the end is told after the last report
		}
		if fds[2].Revents == 0 {
			continue
		}
		var status unix.WaitStatus
		status, end.usage = l.reap()
		l.pid = 0
		l.term.takeBack()
		if failed != nil {
			return nil, failed
		}
		if !told {
			end.status = status
		}
		end.wall = time.Since(l.started)
		return end, nil
	}
}

// endSoon ends the command: SIGTERM the first time, SIGKILL for all the second, which
// comes by itself.
func (l *launch) endSoon() {
	l.deadline = time.Now().Add(killAfter)
	if l.ending {
		unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
		return
	}
	l.ending = true
	l.send(unix.SIGTERM)
	l.send(unix.SIGCONT) // a stopped command does not see SIGTERM
}

// passSignals passes on whatever has been caught.
func (l *launch) passSignals() {
	var b [64]byte
	n, _ := unix.Read(l.signals, b[:])
	for _, s := range b[:max(n, 0)] {
		switch s := syscall.Signal(s); {
		case s == unix.SIGCHLD && theMachine != nil:
			l.reapOrphans()
			l.checkStopped()
		case s == unix.SIGCHLD:
			l.checkStopped()
		case theMachine != nil && endsMachine(s):
			l.endSoon()
		default:
			l.pass(s)
		}
	}
}

// checkStopped is for a command without an init: nobody else says that it was stopped.
func (l *launch) checkStopped() {
	if l.c.init {
		return // it reports
	}
	var info unix.Siginfo
	if unix.Waitid(unix.P_PID, l.pid, &info, unix.WSTOPPED|unix.WNOHANG, nil) == nil && info.Signo == int32(unix.SIGCHLD) {
		l.stopped(unix.SIGTSTP)
	}
}

// send sends a signal to the container's first process: the init passes it on.
func (l *launch) send(s syscall.Signal) {
	unix.PidfdSendSignal(l.pidfd, s, nil, 0)
}

// pass passes a signal on to the command.
func (l *launch) pass(s syscall.Signal) {
	if s == unix.SIGCONT {
		l.term.continued(l)
	}
	l.send(s)
}

// stopped: the command was stopped, and so is the launcher, so that the caller's
// shell has its prompt again. It goes on with SIGCONT.
func (l *launch) stopped(s syscall.Signal) {
	if (s == unix.SIGTTIN || s == unix.SIGTTOU) && l.term.lend(l) {
		l.send(unix.SIGCONT)
		return
	}
	if theMachine != nil { // nobody has a shell's `fg` there
		l.send(unix.SIGCONT)
		return
	}
	lent := l.term != nil && l.term.lent
	l.term.takeBack()
	// Ctrl-Z is for the whole job; where the terminal told the command only, the
	// launcher's group is told here.
	stopDefault(lent && s == unix.SIGTSTP)
}

// conclude says what there is to say at the end, and gives the exit status.
func (l *launch) conclude(end *ending, stats *statsFile) (int, error) {
	if theMachine != nil {
		theMachine.ending = end
	}
	for _, line := range end.group.notes(end, l.c) {
		say("%s", line)
	}
	if l.refused != nil {
		r := <-l.refused // all processes are gone, so the kernel has told it the end
		for _, line := range refusalReport(r.calls) {
			say("%s", line)
		}
		if r.err != nil {
			say("--seccomp-log: the report is not complete: %v", r.err)
		}
	}
	if end.timedOut {
		say("ended after --timeout=%s", l.f.Timeout)
	}
	if err := stats.write(end); err != nil {
		say("%v", err)
	}
	return end.exitStatus(), nil
}

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
	"os"
	"os/signal"
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

// catchSignals comes before anything is made, so that a signal cannot end the
// launcher in between and leave something behind. What the caller ignores
// (nohup(1)) stays ignored.
func (l *launch) catchSignals() {
	l.signals = make(chan os.Signal, 128)
	for s := syscall.Signal(1); s < 65; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, // cannot be caught
			unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE, // the launcher's own: Go uses SIGURG
			unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, // a fault of the launcher
			32, 33, 34: // the C library's
			continue
		}
		if !signal.Ignored(s) {
			signal.Notify(l.signals, s)
		}
	}
}

// event is what the supervisor waits for, besides signals and time.
type event struct {
	report *report // from the init
	ended  bool    // the container's first process is gone
	stop   syscall.Signal
	status unix.WaitStatus
	usage  unix.Rusage
	err    error
}

// supervise waits for the end of the command. It returns an error if the command
// was never executed.
func (l *launch) supervise() (*ending, error) {
	l.started = time.Now()
	events := make(chan event, 4)
	piped := make(chan struct{})
	go l.readReports(events, piped)
	go l.waitFirst(events, piped)

	var deadline <-chan time.Time
	if l.timeout > 0 {
		deadline = time.After(l.timeout)
	}
	end := &ending{}
	var failed error
	told := false
	for {
		select {
		case s := <-l.signals:
			l.pass(s.(syscall.Signal))
		case <-deadline:
			if !end.timedOut {
				end.timedOut = true
				l.send(unix.SIGTERM)
				l.send(unix.SIGCONT) // a stopped command does not see SIGTERM
				deadline = time.After(killAfter)
			} else {
				unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
			}
		case e := <-events:
			switch {
			case e.err != nil:
				failed = e.err
			case e.report != nil && e.report.what == reportFailed:
				if l.c.init && e.report.index < 0 {
					continue
				}
				failed = l.stepFailed(*e.report)
			case e.report != nil && e.report.what == reportStopped:
				l.stopped(syscall.Signal(e.report.value))
			case e.report != nil && e.report.what == reportEnded:
				end.status, told = unix.WaitStatus(e.report.value), true
			case e.stop != 0:
				l.stopped(e.stop)
			case e.ended:
				l.pid = 0
				l.term.takeBack()
				if failed != nil {
					return nil, failed
				}
				if !told {
					end.status = e.status
				}
				end.usage, end.wall = e.usage, time.Since(l.started)
				return end, nil
			}
		}
	}
}

// readReports passes on what the child says, until it has nothing more to say.
func (l *launch) readReports(to chan<- event, done chan<- struct{}) {
	defer close(done)
	for {
		r, ok, err := readReport(l.reports)
		if err != nil {
			to <- event{err: err}
			return
		}
		if !ok {
			return
		}
		to <- event{report: &r}
	}
}

// waitFirst waits for the container's first process. Its end is told after the last
// report.
func (l *launch) waitFirst(to chan<- event, reports <-chan struct{}) {
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		n, err := retry(func() (int, error) { return unix.Wait4(l.pid, &status, unix.WUNTRACED, &usage) })
		if err != nil {
			to <- event{err: &hostError{call: "wait4", err: err}}
			return
		}
		if n == l.pid && status.Stopped() {
			to <- event{stop: status.StopSignal()}
			continue
		}
		<-reports
		to <- event{ended: true, status: status, usage: usage}
		return
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
	lent := l.term != nil && l.term.lent
	l.term.takeBack()
	// Ctrl-Z is for the whole job; where the terminal told the command only, the
	// launcher's group is told here.
	stopDefault(lent && s == unix.SIGTSTP)
}

// conclude says what there is to say at the end, and gives the exit status.
func (l *launch) conclude(end *ending, stats *statsFile) (int, error) {
	for _, line := range end.group.notes(end, l.c) {
		say("%s", line)
	}
	if end.timedOut {
		say("ended after --timeout=%s", l.f.Timeout)
	}
	if err := stats.write(end); err != nil {
		say("%v", err)
	}
	return end.exitStatus(), nil
}

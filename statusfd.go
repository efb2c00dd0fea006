// --status-fd: reports the start and the end of the container to a program that watches it.
//
// It writes two lines of JSON: the first when the container has been made and its command is
// about to be executed, the second at the end. If nothing was started, neither line is written.
//
//	{"event":"started","pid":4711,"group":"/sys/fs/cgroup/red-book-77"}
//	{"event":"ended","status":137,"signal":"SIGKILL","timed_out":false}
//
// pid is the container's first process as the host sees it. group is null with --no-cgroup; on
// version 1 it is the group of the memory controller. Only the launcher has the descriptor.
//
// Differs from the tutorial: other programs cannot watch the tutorial's container.

package main

import (
	"encoding/json"
	"fmt"

	"golang.org/x/sys/unix"
)

// statusLine is a line. Fields that do not belong to its event are omitted.
type statusLine struct {
	Event    string  `json:"event"`
	Pid      *int    `json:"pid,omitempty"`
	Group    any     `json:"group,omitempty"`
	Status   *int    `json:"status,omitempty"`
	Signal   *string `json:"signal,omitempty"`
	TimedOut *bool   `json:"timed_out,omitempty"`
}

// checkStatusFD reads --status-fd. The processes that are started do not inherit the descriptor.
//
//tincan:runtime
func (l *launch) checkStatusFD() error {
	if l.f.StatusFD == nil {
		return nil
	}
	n := *l.f.StatusFD
	mode, e := sysFcntl(n, unix.F_GETFL, 0)
	close, _ := sysFcntl(n, unix.F_GETFD, 0)
	switch {
	case e != 0 || close&unix.FD_CLOEXEC != 0 && n > 2:
		return fmt.Errorf("--status-fd=%d: the caller has no open descriptor with this number: open one, for instance --status-fd=3 3>FILE", n)
	case mode&unix.O_ACCMODE == unix.O_RDONLY || mode&unix.O_PATH != 0:
		return fmt.Errorf("--status-fd=%d: this descriptor is open for reading only: open it for writing, for instance --status-fd=3 3>FILE", n)
	}
	if n > 2 {
		sysFcntl(n, unix.F_SETFD, unix.FD_CLOEXEC)
	}
	return nil
}

// sayStarted writes the first line, while the child waits to be told to go on. If the watching
// program has ended, or does not read, this is an error and the command is not run, because the
// user asked for the run to be watched.
//
//tincan:runtime
func (l *launch) sayStarted() error {
	if l.f.StatusFD == nil {
		return nil
	}
	var group any = json.RawMessage("null")
	if !l.c.group.none {
		dir := l.c.group.parentOf("memory")
		if l.c.group.v2 {
			dir = l.c.group.parentOf("")
		}
		group = dir + "/" + l.groupName
	}
	err := l.sayStatus(statusLine{Event: "started", Pid: &l.pid, Group: group}, 1e9)
	l.watched = err == nil
	return err
}

// sayEnded writes the second line, if the first has been written.
//
//tincan:runtime
func (l *launch) sayEnded(status int) {
	if !l.watched {
		return
	}
	line := statusLine{Event: "ended", Status: &status}
	if l.end != nil {
		line.TimedOut = &l.end.timedOut
		if l.end.status.Signaled() {
			name := signalName(l.end.status.Signal())
			line.Signal = &name
		}
	}
	wait := int64(killAfter)
	if l.end != nil && l.timeout == 0 {
		wait = 0
	}
	if err := l.sayStatus(line, wait); err != nil {
		say("%v", err)
	}
}

// sayStatus writes a line when the descriptor can take it. It waits for at most wait nanoseconds.
// For the line at the end, wait is 0, and it waits until a signal arrives that ends programs. So a
// watching program that does not read cannot switch off --timeout.
func (l *launch) sayStatus(line statusLine, wait int64) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	watched := []unix.PollFd{{Fd: int32(*l.f.StatusFD), Events: unix.POLLOUT}, {Fd: int32(l.signals.fd), Events: unix.POLLIN}}
	if wait > 0 || theMachine != nil {
		watched = watched[:1] // the signals are the command's, or the machine's
	}
	for until := sysClock() + wait; ; {
		limit := -1
		if wait > 0 {
			limit = int(max(0, until-sysClock()) / 1e6)
		}
		n, e := sysPoll(watched, limit)
		if e == 0 && watched[0].Revents != 0 {
			_, e = sysWrite(*l.f.StatusFD, string(append(b, '\n')))
			if e == 0 {
				return nil
			}
		}
		full := e == 0 && n == 0 || e == unix.EAGAIN
		if e == 0 && n > 0 {
			s, _ := l.signals.next()
			full = s == unix.SIGTERM || s == unix.SIGINT || s == unix.SIGHUP || s == unix.SIGQUIT
		}
		switch {
		case full:
			return fmt.Errorf("--status-fd=%d: the pipe is full, and nobody reads from it", *l.f.StatusFD)
		case e == unix.EPIPE:
			return fmt.Errorf("--status-fd=%d: the program that read from this pipe has ended", *l.f.StatusFD)
		case e != 0 && e != unix.EINTR:
			return fmt.Errorf("--status-fd=%d: write: %w", *l.f.StatusFD, e)
		}
	}
}

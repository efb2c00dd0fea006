// --status-fd: what happens to the container, for a program that watches it.
//
// Two lines of JSON. The first is written once the container is made and its command is about
// to be executed, the second at the end; if nothing was started there is neither.
//
//	{"event":"started","pid":4711,"group":"/sys/fs/cgroup/red-book-77"}
//	{"event":"ended","status":137,"signal":"SIGKILL","timed_out":false}
//
// pid is the container's first process as the host sees it; group is null with --no-cgroup, and
// on version 1 that of the controller memory. The descriptor is the launcher's alone.
//
// Differs from the tutorial: nobody can watch.

package main

import (
	"encoding/json"
	"fmt"

	"golang.org/x/sys/unix"
)

// statusLine is a line, and what is not of its event is left out.
type statusLine struct {
	Event    string  `json:"event"`
	Pid      *int    `json:"pid,omitempty"`
	Group    any     `json:"group,omitempty"`
	Status   *int    `json:"status,omitempty"`
	Signal   *string `json:"signal,omitempty"`
	TimedOut *bool   `json:"timed_out,omitempty"`
}

// checkStatusFD reads --status-fd. The descriptor is kept from the processes that are started.
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
		return fmt.Errorf("--status-fd=%d: the caller has no open descriptor with this number: write --status-fd=3 3>FILE", n)
	case mode&unix.O_ACCMODE == unix.O_RDONLY || mode&unix.O_PATH != 0:
		return fmt.Errorf("--status-fd=%d: this descriptor cannot be written", n)
	}
	if n > 2 {
		sysFcntl(n, unix.F_SETFD, unix.FD_CLOEXEC)
	}
	return nil
}

// sayStarted writes the first line. A watcher that is gone is an error: the run was to be
// watched.
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
	l.watched = true
	return l.sayStatus(statusLine{Event: "started", Pid: &l.pid, Group: group})
}

// sayEnded writes the second line, if there was a first.
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
	if err := l.sayStatus(line); err != nil {
		say("%v", err)
	}
}

func (l *launch) sayStatus(line statusLine) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, e := sysWrite(*l.f.StatusFD, string(append(b, '\n'))); e != 0 {
		return fmt.Errorf("--status-fd=%d: write: %w", *l.f.StatusFD, e)
	}
	return nil
}

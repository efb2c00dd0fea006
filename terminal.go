// The terminal: who is in the foreground.
//
// tcsetpgrp(3), credentials(7) on process groups and sessions, termios(3).
//
// The command has a process group of its own. If standard input is the terminal it
// is made the foreground group, so that Ctrl-C and Ctrl-Z are the command's; at the
// end, and whenever the command is stopped, the launcher takes the terminal back
// and the caller's shell finds it as it was. In a pipeline the neighbours may want
// the terminal (`tincan -- ls | less`), so there the command gets it only if it
// asks for it, by being stopped with SIGTTIN or SIGTTOU.

package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// jobControl is nil without a controlling terminal; its methods then do nothing.
type jobControl struct {
	fd       int
	own      int // the launcher's process group
	handOver bool
	lent     bool
	command  int // the command's process group as the host sees it, once known
	state    *unix.Termios
}

// newJobControl looks at the terminal, if there is one.
func newJobControl() *jobControl {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	t := &jobControl{fd: fd, own: unix.Getpgrp()}
	t.state, _ = unix.IoctlGetTermios(fd, unix.TCGETS)
	t.handOver = isTerminal(0) && !isPipe(1) && t.foreground() == t.own
	t.lent = t.handOver
	return t
}

// isTerminal tells whether the descriptor is a terminal.
func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

func isPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && (st.Mode&unix.S_IFMT == unix.S_IFIFO || st.Mode&unix.S_IFMT == unix.S_IFSOCK)
}

func (t *jobControl) foreground() int {
	n, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return n
}

func (t *jobControl) setForeground(group int) bool {
	ignore(unix.SIGTTOU) // or a background process that sets the foreground is stopped
	return unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) == nil
}

// takeBack makes the launcher's group the foreground again, with the terminal's
// settings as they were. If the foreground is a third group's, as after the shell's
// `bg`, it stays that.
func (t *jobControl) takeBack() {
	if t == nil || !t.lent {
		return
	}
	t.lent = false
	if now := t.foreground(); now != t.own {
		t.command = now
		t.setForeground(t.own)
	}
	if t.state != nil {
		unix.IoctlSetTermios(t.fd, unix.TCSETSW, t.state)
	}
}

// lend makes the command's group the foreground, if the launcher's is it.
func (t *jobControl) lend(l *launch) bool {
	if t == nil {
		return false
	}
	switch t.foreground() {
	case t.own:
	case t.command:
		return t.lent // already: it was stopped before it had the terminal
	default:
		return false
	}
	if t.command == 0 {
		if t.command = commandPid(l); t.command == 0 {
			return false
		}
	}
	t.lent = t.setForeground(t.command)
	return t.lent
}

// continued: the shell's `fg` or `bg`. With `fg` the launcher is in the foreground,
// and the terminal is the command's again if it had it before.
func (t *jobControl) continued(l *launch) {
	if t != nil && (t.handOver || t.command != 0) {
		t.lend(l)
	}
}

// commandPid finds the command: the child of the init that is PID 2 inside. It is
// looked for when it is wanted, which is seldom.
func commandPid(l *launch) int {
	if !l.c.init {
		return l.pid
	}
	names, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	parent := strconv.Itoa(l.pid)
	for _, n := range names {
		pid, err := strconv.Atoi(n.Name())
		if err != nil {
			continue
		}
		b, _ := os.ReadFile("/proc/" + n.Name() + "/status")
		var ppid, inside string
		for line := range strings.SplitSeq(string(b), "\n") {
			if rest, ok := strings.CutPrefix(line, "PPid:\t"); ok {
				ppid = rest
			}
			if f := strings.Fields(line); len(f) > 1 && f[0] == "NSpid:" {
				inside = f[len(f)-1]
			}
		}
		if ppid == parent && inside == "2" {
			return pid
		}
	}
	return 0
}

// pendingToAny tells whether a signal to the launcher's process has yet to be taken by
// one of its threads: ShdPnd of proc_pid_status(5).
func pendingToAny(s syscall.Signal) bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), "\nShdPnd:\t")
	text, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(text, 16, 64)
	return err == nil && set>>(s-1)&1 == 1
}

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
	"unsafe"

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
	fd, e := sysOpen("/dev/tty", unix.O_RDWR, 0)
	if e != 0 {
		return nil
	}
	t := keep(jobControl{fd: fd, own: sysGetpgrp()})
	state := one[unix.Termios]()
	if _, e := sysIoctl(fd, unix.TCGETS, unsafe.Pointer(state)); e == 0 {
		t.state = state
	}
	t.handOver = isTerminal(0) && !isPipe(1) && t.foreground() == t.own
	t.lent = t.handOver
	return t
}

// isTerminal reports whether the descriptor is a terminal.
func isTerminal(fd int) bool {
	var state unix.Termios
	_, e := sysIoctl(fd, unix.TCGETS, unsafe.Pointer(&state))
	return e == 0
}

func isPipe(fd int) bool {
	var st unix.Stat_t
	return sysFstat(fd, &st) == 0 && (st.Mode&unix.S_IFMT == unix.S_IFIFO || st.Mode&unix.S_IFMT == unix.S_IFSOCK)
}

func (t *jobControl) foreground() int {
	var group int32
	if _, e := sysIoctl(t.fd, unix.TIOCGPGRP, unsafe.Pointer(&group)); e != 0 {
		return 0
	}
	return int(group)
}

func (t *jobControl) setForeground(group int) bool {
	ignore(unix.SIGTTOU) // or a background process that sets the foreground is stopped
	id := int32(group)
	_, e := sysIoctl(t.fd, unix.TIOCSPGRP, unsafe.Pointer(&id))
	return e == 0
}

// takeBack makes the launcher's group the foreground again, with the terminal's settings
// as they were. If the foreground is a third group's, as after the shell's `bg`, it stays
// that.
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
		sysIoctl(t.fd, unix.TCSETSW, unsafe.Pointer(t.state))
	}
}

// lend makes the command's group the foreground, if the launcher's is it. first is the
// container's first process.
func (t *jobControl) lend(first int, init bool) bool {
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
		if t.command = commandPid(first, init); t.command == 0 {
			return false
		}
	}
	t.lent = t.setForeground(t.command)
	return t.lent
}

// continued is for the shell's `fg` or `bg`. With `fg` the launcher is in the foreground,
// and the terminal is the command's again if it had it before.
func (t *jobControl) continued(first int, init bool) {
	if t != nil && (t.handOver || t.command != 0) {
		t.lend(first, init)
	}
}

// commandPid finds the command: the child of the init that is PID 2 inside. It is looked
// for when it is wanted, which is seldom.
func commandPid(first int, init bool) int {
	if !init {
		return first
	}
	all, e := names("/proc")
	if e != 0 {
		return 0
	}
	parent := decimal(first)
	for _, n := range all {
		pid, valid := number(n)
		if !valid {
			continue
		}
		m := mark()
		found := isChildTwo(n, parent)
		release(m)
		if found {
			return int(pid)
		}
	}
	return 0
}

// isChildTwo reports whether the process is a child of parent, and PID 2 in its namespace
// (NSpid of proc_pid_status(5)).
func isChildTwo(pid, parent string) bool {
	status, _ := readFile(text("/proc/", pid, "/status"))
	child, second := false, false
	for rest := status; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		if ppid, is := cutPrefix(line, "PPid:\t"); is {
			child = ppid == parent
		}
		if is := hasPrefix(line, "NSpid:"); is {
			second = hasSuffix(line, "\t2")
		}
	}
	return child && second
}

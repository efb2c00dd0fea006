// The terminal: which process group is in the foreground.
//
// tcsetpgrp(3), credentials(7) on process groups and sessions, termios(3).
//
// The command has a process group of its own. If standard input is the terminal and the launcher
// is in the foreground, the command's group becomes the foreground group, so that Ctrl-C and
// Ctrl-Z reach the command. At the end, and whenever the command is stopped, the launcher takes
// the terminal back, and the caller's shell finds it as it was. In a pipeline, other programs
// may need the terminal (`tincan -- ls | less`), so there the command gets it only when it asks
// for it, by being stopped with SIGTTIN or SIGTTOU.
//
// In the background, or if none of its three descriptors is the terminal, the command gets no
// access to the terminal: it has a session of its own without a terminal. Otherwise it could
// make itself the foreground group and read what is typed at the caller's shell (CVE-2017-5226).
// Those of its descriptors that are the terminal can then only be written, and standard input is
// /dev/null. A caller who is not root owns the terminal, and so does the command: to keep it from
// opening the terminal once more, through /proc/self/fd/1, the container's process opens it on a
// mount of its own, which then refuses devices (terminalOuts).

package main

import (
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// jobControl is nil if there is no controlling terminal; its methods then do nothing.
type jobControl struct {
	fd       int
	own      int // the launcher's process group
	handOver bool
	lent     bool
	apart    bool
	outs     [3]int    // for apart: descriptors that replace the terminal as 0, 1 and 2; 0 means none
	names    [3]string // the names of those that are the terminal
	command  int       // the command's process group as the host sees it, once known
	state    *unix.Termios

	discipline int32  // TIOCSETD in ioctl_tty(2)
	flags      [3]int // of the descriptors 0, 1 and 2: F_SETFL in fcntl(2)
}

// standardNames are those of descriptors 0, 1 and 2.
var standardNames = [...]string{"input", "output", "error"}

// newJobControl examines the terminal, if there is one.
func newJobControl() (*jobControl, error) {
	fd, e := sysOpen("/dev/tty", unix.O_RDWR, 0)
	if e != 0 {
		return nil, nil
	}
	t := keep(jobControl{fd: fd, own: sysGetpgrp()})
	state := one[unix.Termios]()
	if _, e := sysIoctl(fd, unix.TCGETS, unsafe.Pointer(state)); e == 0 {
		t.state = state
	}
	sysIoctl(fd, unix.TIOCGETD, unsafe.Pointer(&t.discipline))
	for i := range t.flags {
		t.flags[i], _ = sysFcntl(i, unix.F_GETFL, 0)
	}
	foreground := t.foreground() == t.own
	t.handOver = foreground && isTerminal(0) && !isPipe(1)
	t.lent = t.handOver
	if t.apart = !foreground || !isTerminal(0) && !isTerminal(1) && !isTerminal(2); t.apart {
		return t, t.withdraw()
	}
	return t, nil
}

// withdraw opens what the command gets instead of descriptors that are the terminal. The
// container's process opens the terminal again by its name (terminalOuts).
func (t *jobControl) withdraw() error {
	for i := range t.outs {
		if !isTerminal(i) {
			continue
		}
		file, flags := "/dev/null", unix.O_RDONLY
		if i == 0 {
			remark("tincan runs in the background, so standard input is /dev/null: the shell is using the terminal")
		} else {
			file, flags = terminalName(i), unix.O_WRONLY|unix.O_NOCTTY
			t.names[i] = file
		}
		fd, e := sysOpen(file, flags, 0)
		switch {
		case e == 0:
			t.outs[i] = fd
		case i == 0:
			return failedCall("open", file, "O_RDONLY", e)
		default:
			return fault(func() error {
				return fmt.Errorf("standard %s is a terminal that tincan cannot open again by its name, as after su(1), and in the background the command could read what is typed there; use a pipe (tincan ... | cat), or redirect it to a file", standardNames[i])
			})
		}
	}
	return nil
}

// stop stops a command that the terminal does not reach. In a session of its own, the signal of
// Ctrl-Z has no effect (setpgid(2), "orphaned process group"), so it sends SIGSTOP.
func (t *jobControl) stop(first int, init bool) bool {
	if t == nil || !t.apart {
		return false
	}
	if t.command == 0 {
		t.command = commandPid(first, init)
	}
	return t.command != 0 && sysKill(-t.command, unix.SIGSTOP) == 0
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

// foreground returns the terminal's foreground group, or 0.
func (t *jobControl) foreground() int {
	var group int32
	if _, e := sysIoctl(t.fd, unix.TIOCGPGRP, unsafe.Pointer(&group)); e != 0 {
		return 0
	}
	return int(group)
}

// setForeground makes a process group the terminal's foreground group.
func (t *jobControl) setForeground(group int) bool {
	ignore(unix.SIGTTOU) // otherwise a background process that sets the foreground group is stopped
	id := int32(group)
	_, e := sysIoctl(t.fd, unix.TIOCSPGRP, unsafe.Pointer(&id))
	return e == 0
}

// takeBack makes the launcher's group the foreground group again, and restores the terminal's
// settings. If a third group is in the foreground, as after the shell's `bg`, it changes
// nothing.
func (t *jobControl) takeBack() {
	if t == nil || t.apart && t.names[1] == "" && t.names[2] == "" {
		return
	}
	lent := t.lent
	t.lent = false
	if now := t.foreground(); lent && now != t.own {
		t.command = now
		t.setForeground(t.own)
	}
	t.repair()
	if lent && t.state != nil { // otherwise the modes may be those of another program by now
		sysIoctl(t.fd, unix.TCSETSW, unsafe.Pointer(t.state))
	}
}

// repair undoes what a command can leave behind on the terminal besides its modes (ioctl_tty(2),
// fcntl(2)): exclusive use, stopped output, another line discipline, with which nothing can be
// read, and the flags of the descriptors, which it shares with the caller.
func (t *jobControl) repair() {
	ignore(unix.SIGTTOU)
	sysIoctl(t.fd, unix.TIOCNXCL, nil)
	now := int32(0)
	if _, e := sysIoctl(t.fd, unix.TIOCGETD, unsafe.Pointer(&now)); e == 0 && now != t.discipline {
		sysIoctl(t.fd, unix.TIOCSETD, unsafe.Pointer(&t.discipline))
	}
	rawCall(unix.SYS_IOCTL, uintptr(t.fd), unix.TCXONC, unix.TCOON, 0, 0, 0)
	for i, flags := range t.flags {
		if now, e := sysFcntl(i, unix.F_GETFL, 0); e == 0 && now != flags && isTerminal(i) {
			sysFcntl(i, unix.F_SETFL, flags)
		}
	}
}

// lend makes the command's group the foreground group, if the launcher's group is. first is the
// container's first process.
func (t *jobControl) lend(first int, init bool) bool {
	if t == nil || t.apart {
		return false
	}
	switch t.foreground() {
	case t.own:
	case t.command:
		return t.lent // the command was stopped before it had the terminal
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

// continued is called after the shell's `fg` or `bg`. With `fg` the launcher is in the
// foreground, and the command gets the terminal again if it had it before.
func (t *jobControl) continued(first int, init bool) {
	if t != nil && (t.handOver || t.command != 0) {
		t.lend(first, init)
	}
}

// commandPid finds the command: the child of the init that is PID 2 inside. It searches only
// when the number is needed, which is seldom.
func commandPid(first int, init bool) int {
	if !init {
		return first
	}
	all, e := names(unix.AT_FDCWD, "/proc", math.MaxInt)
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

// isChildTwo reports whether the process is a child of parent and is PID 2 in its namespace
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

// terminalName returns the name of the terminal on a descriptor, or "" if it is not a terminal or
// cannot be found by its name. Two terminals of different /dev/pts have the same device number.
func terminalName(fd int) string {
	if !isTerminal(fd) {
		return ""
	}
	name, e := pathOf(fd)
	var here, there unix.Stat_t
	if e != 0 || sysFstat(fd, &here) != 0 {
		return ""
	}
	for _, name := range [...]string{name, "/dev/console"} { // the latter in another container, as in one of tincan's
		if sysStat(name, &there) == 0 && there.Mode&unix.S_IFMT == unix.S_IFCHR && here.Rdev == there.Rdev && here.Dev == there.Dev && here.Ino == there.Ino {
			return name
		}
	}
	return ""
}

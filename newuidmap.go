// Chapter 11 without root: what other processes than the launcher must do.
//
// newuidmap(1), setns(2), ioctl_nsfs(2), user_namespaces(7).
//
// A copy of the launcher makes a few calls of its own, in the same loop as the
// container's process, and ends: since "a multithreaded process may not change user
// namespace with setns()", which the launcher is, it writes the maps that only a
// process in the outer user namespace may write. newuidmap and newgidmap, which write
// those of the outer one, are programs of the host, and run side by side.
//
// Differs from the tutorial: it is for root only.

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// aside makes the steps in a copy of the launcher and waits for its end. A failed
// step is an error with its text.
func aside(steps []*step, mask *uint64) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return &hostError{call: "pipe2(O_CLOEXEC)", err: err}
	}
	defer unix.Close(p[0])
	pid, pidfd, err := startChild(0, &childPlan{setup: steps, report: uintptr(p[1])}, -1, mask)
	unix.Close(p[1])
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	r, failed, err := readReport(p[0])
	var status unix.WaitStatus
	_, e := retry(func() (int, error) { return unix.Wait4(pid, &status, 0, nil) })
	switch {
	case err != nil:
		return err
	case failed && r.index >= 0 && int(r.index) < len(steps):
		return &hostError{call: steps[r.index].String(), err: syscall.Errno(r.value)}
	case e == nil && status != 0:
		e = errors.New(statusText(status))
	}
	return e
}

// helper is a program of the host's that runs: newuidmap or newgidmap.
type helper struct {
	argv    []string
	program string
	pid     int
	says    int     // a file in memory: its standard input, output and error
	file    string  // of /proc/PID, which it is to write
	maps    []idMap // into it
}

// startHelper starts it, with fork and execve in one (syscall.ForkExec): it needs
// nothing of what the loop is for, and no copy of the launcher's memory either. Its words
// go to a file in memory: a pipe may fill up, and another process may hold it open, as it
// may the container's own standard input and output.
func startHelper(program string, argv []string, file string, maps []idMap) (*helper, error) {
	says, err := unix.MemfdCreate("helper", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, &hostError{call: `memfd_create("helper", MFD_CLOEXEC)`, err: err}
	}
	pid, err := syscall.ForkExec(program, argv, &syscall.ProcAttr{Files: []uintptr{uintptr(says), uintptr(says), uintptr(says)}})
	if err != nil {
		unix.Close(says)
		return nil, &hostError{call: execve(program, cstrings(argv), cstrings(nil), argv).String(), err: err, hint: hintHelper(program)}
	}
	return &helper{argv, program, pid, says, file, maps}, nil
}

// end waits for its end. What it says is part of the error.
func (h *helper) end(l *launch) error {
	defer unix.Close(h.says)
	if err := l.patience(h); err != nil {
		return err
	}
	var status unix.WaitStatus
	_, err := retry(func() (int, error) { return unix.Wait4(h.pid, &status, 0, nil) })
	if err != nil {
		return &hostError{call: fmt.Sprintf("wait4(%d)", h.pid), err: err}
	}
	if status == 0 {
		return nil
	}
	var text [4096]byte
	n, _ := unix.Pread(h.says, text[:], 0)
	return fmt.Errorf("%s: %s: %s", vectorText(h.argv), statusText(status), strings.TrimSpace(string(text[:max(n, 0)])))
}

// leastPatience is for newuidmap on a busy machine: --timeout is the command's time, and
// a short one is not used up by what comes before it.
const leastPatience = 10 * time.Second

// patience waits until the helper has ended, and no longer than the longer of --timeout
// and leastPatience, or than nobody asks tincan to end: newuidmap asks name services, and some
// answer late or never. What other signals come meanwhile is for the command.
func (l *launch) patience(h *helper) error {
	pidfd, err := unix.PidfdOpen(h.pid, 0)
	if err != nil {
		return &hostError{call: fmt.Sprintf("pidfd_open(%d, 0)", h.pid), err: err}
	}
	defer unix.Close(pidfd)
	var later []byte
	defer func() { unix.Write(int(signalPipe), later) }()
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(l.signals), Events: unix.POLLIN}}
	until := time.Now().Add(max(l.timeout, leastPatience))
	giveUp := func(status int, why string) error {
		unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		return &exitError{status, fmt.Errorf("%s, and %s had not ended: nothing was run", why, vectorText(h.argv))}
	}
	for fds[0].Revents == 0 {
		wait := -1
		if l.timeout > 0 {
			wait = int(max(0, time.Until(until)).Milliseconds()) + 1
		}
		n, err := retry(func() (int, error) { return unix.Poll(fds, wait) })
		switch {
		case err != nil:
			return &hostError{call: "poll", err: err}
		case n == 0:
			return giveUp(statusTimedOut, "--timeout="+l.f.Timeout+" is over")
		case fds[1].Revents == 0:
			continue
		}
		var b [64]byte
		n, _ = unix.Read(l.signals, b[:])
		for _, c := range b[:max(n, 0)] {
			switch s := syscall.Signal(c); s {
			case unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT:
				return giveUp(128+int(s), signalName(s)+" came")
			}
			later = append(later, c)
		}
	}
	return nil
}

// endHelpers waits for those that were started, which run side by side.
func (l *launch) endHelpers() error {
	var errs []error
	hint := ""
	helpers := l.helpers
	l.helpers = nil
	for i, h := range helpers {
		err := h.end(l)
		var e *exitError
		if errors.As(err, &e) { // nobody waits for the others either
			for _, h := range helpers[i+1:] {
				unix.Kill(h.pid, unix.SIGKILL)
			}
			return err
		}
		if err != nil {
			errs = append(errs, err)
			hint = hintHelper(h.program)
		}
	}
	if errs == nil {
		for _, h := range helpers {
			errs = append(errs, l.checkMap(h.file, h.maps))
		}
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, errors.New(hint))...)
}

// checkMap makes sure that a helper has written what it was asked for.
func (l *launch) checkMap(file string, want []idMap) error {
	file = fmt.Sprintf("/proc/%d/%s", l.pid, file)
	text, err := readFile(file)
	if err != nil {
		return err
	}
	if have := strings.Join(strings.Fields(text), " "); have != strings.Join(strings.Fields(mapLines(want)), " ") {
		return fmt.Errorf("%s has %q, and not %q: the program that was to write it has written something else, or nothing", file, have, mapsText(want))
	}
	return nil
}

// hintHelper says why newuidmap might be refused.
func hintHelper(program string) string {
	var st unix.Stat_t
	b, _ := os.ReadFile("/proc/self/status")
	n, _ := unix.Getxattr(program, "security.capability", nil)
	without := "to do without the ranges of /etc/subuid: --map=0:$(id -u):1"
	passwd, _ := passwdEntry(unix.Getuid())
	switch {
	case strings.Contains(string(b), "\nNoNewPrivs:\t1\n"):
		return "tincan runs with no_new_privs (as in a sandbox, or under systemd's NoNewPrivileges=), where no set-id bit works; " + without
	case unix.Stat(program, &st) == nil && st.Mode&unix.S_ISUID == 0 && n <= 0:
		return program + " has neither a set-user-ID bit nor file capabilities here, and needs one of them: reinstall the package uidmap; " + without
	case passwd != nil && passwd[3] != strconv.Itoa(unix.Getgid()):
		return fmt.Sprintf("tincan runs with group %d, as under newgrp(1) or sg(1), and newuidmap wants the group that /etc/passwd has for the user, %s; %s", unix.Getgid(), passwd[3], without)
	}
	return without
}

// openOuter opens the user namespace above the child's.
func (l *launch) openOuter() (int, error) {
	file := fmt.Sprintf("/proc/%d/ns/user", l.pid)
	inner, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &hostError{call: "open(" + quote(file) + ", O_RDONLY)", err: err}
	}
	defer unix.Close(inner)
	outer, err := unix.IoctlRetInt(inner, unix.NS_GET_PARENT)
	if err != nil {
		return -1, &hostError{call: "ioctl(USERNS, NS_GET_PARENT)", err: err}
	}
	return outer, nil
}

// writeInnerMaps writes both maps from within the outer user namespace.
func (l *launch) writeInnerMaps() error {
	outer, err := l.openOuter()
	if err != nil {
		return err
	}
	defer unix.Close(outer)
	steps := []*step{
		prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")),
		call("setns", unix.SYS_SETNS, fd(outer, "OUTER"), name(unix.CLONE_NEWUSER, "CLONE_NEWUSER")),
	}
	dir := fmt.Sprintf("/proc/%d/", l.pid)
	steps = append(steps, ownMap(dir+"uid_map", mapLines(identity(l.c.maps)))...)
	steps = append(steps, ownMap(dir+"gid_map", mapLines(identity(l.c.gidMaps)))...)
	return aside(append(steps, call("exit_group", unix.SYS_EXIT_GROUP, num(0))), new(uint64))
}

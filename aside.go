// Chapter 11 without root: what other processes than the launcher must do.
//
// newuidmap(1), setns(2), ioctl_nsfs(2), user_namespaces(7).
//
// A copy of the launcher makes a few calls of its own, in the same loop as the
// container's process, and ends: either by becoming newuidmap, or, since "a
// multithreaded process may not change user namespace with setns()", which the
// launcher is, after it has written the maps that only a process in the outer user
// namespace may write.
//
// Differs from the tutorial: it is for root only.

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

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

// runHelper runs a program of the host to its end. What it says is part of the error.
func runHelper(program string, argv []string) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return &hostError{call: "pipe2(O_CLOEXEC)", err: err}
	}
	defer unix.Close(p[0])
	mask := new(uint64)
	steps := []*step{
		call("dup3", unix.SYS_DUP3, fd(p[1], "PIPE"), num(2), num(0)),
		sigmask(mask),
		execve(program, cstrings(argv), cstrings(nil), argv),
	}
	err := aside(steps, mask)
	unix.Close(p[1])
	var text [4096]byte
	n, _ := retry(func() (int, error) { return unix.Read(p[0], text[:]) }) // all of it: a pipe holds 64 KiB
	var he *hostError
	if err == nil || errors.As(err, &he) {
		return err
	}
	return fmt.Errorf("%s: %w: %s\n%s", vectorText(argv), err, strings.TrimSpace(string(text[:max(n, 0)])), hintHelper(program))
}

// hintHelper says why newuidmap might be refused.
func hintHelper(program string) string {
	var st unix.Stat_t
	b, _ := os.ReadFile("/proc/self/status")
	n, _ := unix.Getxattr(program, "security.capability", nil)
	without := "to do without the ranges of /etc/subuid: --map=0:$(id -u):1"
	switch {
	case strings.Contains(string(b), "\nNoNewPrivs:\t1\n"):
		return "tincan runs with no_new_privs (as in a sandbox, or under systemd's NoNewPrivileges=), where no set-id bit works; " + without
	case unix.Stat(program, &st) == nil && st.Mode&unix.S_ISUID == 0 && n <= 0:
		return program + " has neither a set-user-ID bit nor file capabilities here, and needs one of them: reinstall the package uidmap; " + without
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

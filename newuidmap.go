// Chapter 11 without root: processes that do what the launcher cannot do itself.
//
// newuidmap(1), setns(2), ioctl_nsfs(2), user_namespaces(7).
//
// The maps of the outer user namespace are written by newuidmap and newgidmap, which are
// programs of the host. They run at the same time. Each is started in a copy of the launcher,
// which makes a few calls in the same loop as the container's process; the last of these is
// execve.
//
// The maps of the inner user namespace may be written only by a process in the outer one, and "a
// multithreaded process may not change user namespace with setns()". A copy of the launcher has
// one thread: it enters the outer namespace, writes the maps and ends.
//
// Differs from the tutorial: the tutorial's program works for root only.

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// copied is a copy of the launcher that makes steps of its own.
type copied struct {
	steps      []*step
	pid, pidfd int
	reports    int // the reading end of its report pipe
}

// startCopy starts a copy of the launcher, in the new namespaces that kinds lists. The last step
// is execve if the copy becomes a program, and exit_group otherwise.
func (l *launch) startCopy(kinds uintptr, steps []*step, mask *uint64) (*copied, error) {
	pipe, e := sysPipe(0)
	if e != 0 {
		return nil, failedCall("pipe2", "", "O_CLOEXEC", e)
	}
	pid, pidfd, e := startChild(kinds, keep(childPlan{setup: steps, report: uintptr(pipe[1])}), -1, mask, &l.signals)
	sysClose(pipe[1])
	if e != 0 {
		sysClose(pipe[0])
		return nil, failedCall("clone3", "", "{flags=CLONE_PIDFD|CLONE_CLEAR_SIGHAND, exit_signal=SIGCHLD}, 88", e).hinted(hintClone)
	}
	return keep(copied{steps, pid, pidfd, pipe[0]}), nil
}

// end waits until the copy has ended. A step of it that failed is returned as an error.
func (p *copied) end() (status unix.WaitStatus, err error) {
	r, told, err := readReport(p.reports)
	sysClose(p.reports)
	_, e := sysWait4(p.pid, &status, 0, nil)
	sysClose(p.pidfd)
	switch {
	case err != nil:
		return status, err
	case told && r.index >= 0 && int(r.index) < len(p.steps):
		return status, keep(callError{step: p.steps[r.index], err: syscall.Errno(r.value)})
	case e != 0:
		return status, failedCall("wait4", "", decimal(p.pid), e)
	}
	return status, nil
}

// helper is a running newuidmap or newgidmap.
type helper struct {
	*copied
	argv []string
	says int   // a file in memory, which is its standard input, output and error
	of   *step // the step of the plan that starts it
}

// startHelper starts a helper. Its output goes to a file in memory: a pipe may fill up, and a
// process that the helper leaves behind could keep a pipe open, or the container's own standard
// output.
func (l *launch) startHelper(s *step) error {
	low, e := sysMemfd("helper")
	if e != 0 {
		return failedCall("memfd_create", "helper", "MFD_CLOEXEC", e)
	}
	says, e := sysFcntl(low, unix.F_DUPFD_CLOEXEC, 3) // the caller may have closed descriptors 0, 1 or 2
	sysClose(low)
	if e != 0 {
		return failedCall("fcntl", "", "F_DUPFD_CLOEXEC", e)
	}
	mask := one[uint64]()
	argv := helperArgs(s.file, decimal(l.pid), s.maps)
	steps := list(prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")))
	for n := range 3 {
		steps = add(steps, call("dup3", unix.SYS_DUP3, fd(says, "HELPER"), num(uintptr(n)), num(0)))
	}
	steps = add(steps, sigmask(mask))
	steps = add(steps, execve(s.file, cstrings(argv), cstrings(callerEnv())))
	p, err := l.startCopy(0, steps, mask)
	if err != nil {
		sysClose(says)
		return err
	}
	l.helpers = add(l.helpers, keep(helper{p, argv, says, s}))
	return nil
}

// endHelpers waits for the helpers that were started. They run at the same time.
func (l *launch) endHelpers() error {
	var errs []error
	helpers := l.helpers
	l.helpers = nil
	failed := ""
	for i, h := range helpers {
		if err := l.awaitHelper(h); err != nil { // the others are stopped too
			l.dropHelpers(helpers[i:])
			return err
		}
		status, err := h.end()
		if err == nil && status != 0 {
			err = fault(func() error { return h.failure(status) })
		}
		sysClose(h.says)
		if err != nil {
			errs = add(errs, err)
			failed = h.of.file
		}
	}
	if failed != "" {
		return fault(func() error { return errors.Join(append(errs, errors.New(hintHelper(failed)))...) })
	}
	for _, h := range helpers {
		if err := l.checkMap(h.of.mapFile, h.of.maps); err != nil {
			return err
		}
	}
	return nil
}

// dropHelpers stops helpers whose result is no longer needed.
func (l *launch) dropHelpers(helpers []*helper) {
	for _, h := range helpers {
		sysPidfdSend(h.pidfd, unix.SIGKILL)
		h.end()
		sysClose(h.says)
	}
	l.helpers = nil
}

// failure returns the error for a helper that has failed. It contains the helper's own output.
func (h *helper) failure(status unix.WaitStatus) error {
	var words [4096]byte
	n, _ := unix.Pread(h.says, words[:], 0)
	return fmt.Errorf("%s: %s: %s", vectorText(h.argv), statusText(status), strings.TrimSpace(string(words[:max(n, 0)])))
}

// leastHelperTime is how long newuidmap may always take on a busy machine, in nanoseconds.
// --timeout is the command's time; if it is short, the preparations must not use it up.
const leastHelperTime = 10e9

// helpersUntil is when the time for the helpers is over. A run that gives up before Go's runtime
// has started is made again with the runtime, and must not wait twice.
var helpersUntil int64

// awaitHelper waits until the helper has ended. It gives up after the longer of --timeout and
// leastHelperTime, or when a signal asks tincan to end: newuidmap asks name services, some of
// which answer late or never. Other signals that arrive meanwhile are kept for the command.
func (l *launch) awaitHelper(h *helper) error {
	watched := [2]unix.PollFd{{Fd: int32(h.pidfd), Events: unix.POLLIN}, {Fd: int32(l.signals.fd), Events: unix.POLLIN}}
	if helpersUntil == 0 {
		helpersUntil = sysClock() + max(l.timeout, leastHelperTime)
	}
	until := helpersUntil
	for watched[0].Revents == 0 {
		wait := -1
		if l.timeout > 0 {
			wait = int(max(0, until-sysClock())/1e6) + 1
		}
		n, e := sysPoll(watched[:], wait)
		switch {
		case e == unix.EINTR:
			watched[0].Revents, watched[1].Revents = 0, 0
		case e != 0:
			return failedCall("poll", "", "", e)
		case n == 0 && sysClock() >= until:
			return h.givenUp(statusTimedOut, text("--timeout=", l.f.Timeout, " expired"))
		case watched[1].Revents != 0:
			if s := l.endingSignal(); s != 0 {
				return fault(func() error { return h.givenUp(128+int(s), signalName(s)+" arrived") })
			}
		}
	}
	return nil
}

// endingSignal reads the signals that have arrived. It returns one that asks tincan to end, or
// 0; the others are kept for the command.
func (l *launch) endingSignal() syscall.Signal {
	var others []syscall.Signal
	ending := syscall.Signal(0)
	for s, come := l.signals.next(); come && ending == 0; s, come = l.signals.next() {
		switch s {
		case unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT:
			ending = s
		default:
			others = add(others, s)
		}
	}
	for _, s := range others {
		l.signals.later(s)
	}
	if early && ending != 0 {
		l.signals.later(ending) // the run is made again with the runtime, which prints the message
	}
	return ending
}

// givenUp returns the error for a helper that tincan no longer waits for.
func (h *helper) givenUp(status int, why string) error {
	return fault(func() error {
		return &exitError{status, fmt.Errorf("%s while %s was still running; nothing was run", why, vectorText(h.argv))}
	})
}

// checkMap returns an error if a helper has not written the map that it was asked for.
func (l *launch) checkMap(file string, want []idMap) error {
	file = text("/proc/", decimal(l.pid), "/", file)
	written, e := readFile(file)
	if e != 0 {
		return failedCall("open", file, "O_RDONLY", e)
	}
	have := readMaps(written)
	same := len(have) == len(want)
	for _, m := range want { // the order may differ: the kernel sorts a map of more than five lines
		found := false
		for _, h := range have {
			found = found || h == m
		}
		same = same && found
	}
	if same {
		return nil
	}
	return fault(func() error {
		return fmt.Errorf("%s contains %q instead of %q: newuidmap or newgidmap has written something else, or nothing", file, strings.Join(strings.Fields(written), " "), strings.Join(strings.Fields(mapLines(want)), " "))
	})
}

// hintHelper explains why newuidmap might have failed.
func hintHelper(program string) string {
	var st unix.Stat_t
	b, _ := os.ReadFile("/proc/self/status")
	n, _ := unix.Getxattr(program, "security.capability", nil)
	without := "to run without the ranges of /etc/subuid: --map=0:$(id -u):1"
	user, _ := passwdEntry(unix.Getuid())
	switch {
	case strings.Contains(string(b), "\nNoNewPrivs:\t1\n"):
		return "tincan runs with no_new_privs (as in a sandbox, or under systemd's NoNewPrivileges=), so set-user-ID programs do not work; " + without
	case unix.Stat(program, &st) == nil && st.Mode&unix.S_ISUID == 0 && n <= 0:
		return program + " has neither a set-user-ID bit nor file capabilities here, and needs one of them: reinstall the package uidmap; " + without
	case user.gid != "" && user.gid != strconv.Itoa(unix.Getgid()):
		return fmt.Sprintf("tincan runs with group %d, as under newgrp(1) or sg(1), but newuidmap requires the group that /etc/passwd gives this user, %s; %s", unix.Getgid(), user.gid, without)
	}
	return without
}

// openOuter opens the user namespace above the child's, the outer one.
func (l *launch) openOuter() (int, error) {
	file := text("/proc/", decimal(l.pid), "/ns/user")
	inner, e := sysOpen(file, unix.O_RDONLY, 0)
	if e != 0 {
		return -1, failedCall("open", file, "O_RDONLY", e)
	}
	outer, e := sysIoctl(inner, unix.NS_GET_PARENT, unsafe.Pointer(nil))
	sysClose(inner)
	if e != 0 {
		return -1, failedCall("ioctl", "", "USERNS, NS_GET_PARENT", e)
	}
	return outer, nil
}

// writeInnerMaps writes both maps from a process in the outer user namespace.
func (l *launch) writeInnerMaps() error {
	outer, err := l.openOuter()
	if err != nil {
		return err
	}
	steps := list(
		prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")),
		call("setns", unix.SYS_SETNS, fd(outer, "OUTER"), name(unix.CLONE_NEWUSER, "CLONE_NEWUSER")),
	)
	dir := text("/proc/", decimal(l.pid), "/")
	steps = addAll(steps, writeMap(text(dir, "uid_map"), mapLines(identity(l.c.maps))))
	steps = addAll(steps, writeMap(text(dir, "gid_map"), mapLines(identity(l.c.gidMaps))))
	steps = add(steps, call("exit_group", unix.SYS_EXIT_GROUP, num(0)))
	p, err := l.startCopy(0, steps, one[uint64]())
	sysClose(outer)
	if err != nil {
		return err
	}
	status, err := p.end()
	if err == nil && status != 0 {
		err = fault(func() error { return errors.New(statusText(status)) })
	}
	return err
}

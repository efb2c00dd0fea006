// Chapter 15: the command.
//
// execve(2), close_range(2), setpgid(2), tcsetpgrp(3), PATH in environ(7).
//
// The last steps before there is no way back: a process group of its own and the
// terminal, the limits, no descriptor but the standard three, the signal mask of
// the caller, the filter, and execve.
//
// Differs from the tutorial: the environment is not empty; the command's exit
// status is reported, also when it could not be executed; no descriptor of the
// caller's leaks in; the init, not the command, is PID 1.

package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkInit is the step at which one process becomes two: PID 1 stays behind as the
// init, and PID 2 goes on to be the command.
func forkInit(c *config) []*step {
	if !c.init {
		return nil
	}
	area := argvArea()
	title := mem(unsafe.Pointer(unsafe.SliceData(area)), "ARGV")
	r := call("read", unix.SYS_READ, fd(c.fds.title, "TITLE"), title, arg{n: uintptr(len(area)), s: "LEN", show: showText})
	r.least = uintptr(len(area))
	return []*step{
		setpgid().because("signals for the caller's process group reach the launcher, which passes them on once"),
		prctl(unix.PR_SET_NAME, "PR_SET_NAME", cstring("tincan-init")).because("what ps(1) inside shows for PID 1"),
		r.because("the launcher's command line, with whatever stands in it, is not to be seen in /proc/1/cmdline, which anybody may read: so before there is anybody"),
		fork().because("PID 1 stays behind to reap and to pass on signals; PID 2 goes on").hinted(func(e syscall.Errno) string {
			if e == unix.EAGAIN {
				return "--pids leaves no room for the init and the command: 2 at least, or --no-init"
			}
			return ""
		}),
	}
}

// initSteps are the init's own, after the fork. The command is on its way by then,
// so nothing stands here that can fail or that the command must not come before.
func initSteps(c *config) []*step {
	if !c.init {
		return nil
	}
	const why = "the init keeps the pipe to the launcher, and nothing else"
	below, above := uintptr(c.fds.report-1), uintptr(c.fds.report+1) // never 3: the root directory was opened before
	return []*step{
		call("close_range", unix.SYS_CLOSE_RANGE, num(3), arg{n: below, s: "REPORT-1", show: showText}, num(0)).because(why),
		call("close_range", unix.SYS_CLOSE_RANGE, arg{n: above, s: "REPORT+1", show: showText}, num(math.MaxUint32), num(0)).because(why),
	}
}

// argvArea is the memory that /proc/PID/cmdline shows. Go's os.Args point into it.
func argvArea() []byte {
	first, last := os.Args[0], os.Args[len(os.Args)-1]
	start := unsafe.Pointer(unsafe.StringData(first))
	end := uintptr(unsafe.Pointer(unsafe.StringData(last))) + uintptr(len(last))
	if n := int(end - uintptr(start)); len(first) > 0 && len(last) > 0 && n > 0 && n < 1<<22 {
		return unsafe.Slice((*byte)(start), n)
	}
	return make([]byte, 1)
}

// closeRest closes every descriptor above 2, but for --pass-fd and the pipe to the
// launcher, which closes at execve. To let all of them close at execve would be too
// late: --workdir=/proc/self/fd/7, or a command of such a name, would lead out to a
// directory that the caller has open.
func closeRest(c *config) []*step {
	report := c.fds.report
	if report == 0 { // of a plan that is only printed
		report = firstReport(c.passFDs)
	}
	kept := append(slices.Clone(c.passFDs), report)
	if c.fds.step != 0 {
		kept = append(kept, c.fds.step)
	}
	if c.policy != nil && c.policy.notify && c.fds.child != 0 {
		kept = append(kept, c.fds.child) // for the listener, below
	}
	slices.Sort(kept)
	bound := func(n int) arg {
		switch n - report {
		case 1:
			return arg{n: uintptr(n), s: "REPORT+1", show: showText}
		case -1:
			return arg{n: uintptr(n), s: "REPORT-1", show: showText}
		}
		return num(uintptr(n))
	}
	var steps []*step
	from := 3
	for _, k := range append(kept, math.MaxUint32+1) {
		if k > from {
			steps = append(steps, call("close_range", unix.SYS_CLOSE_RANGE, bound(from), bound(k-1), num(0)).
				because("no descriptor of the caller's or of the launcher's is left, but for 0, 1, 2 and --pass-fd"))
		}
		from = k + 1
	}
	return steps
}

// firstReport is the lowest number for the pipe to the launcher: above what the
// command keeps, with room between, so that the text of closeRest is always the same.
func firstReport(passFDs []int) int { return max(3, slices.Max(append([]int{0}, passFDs...))) + 2 }

// terminal gives the command a process group of its own, which a signal meant for
// the caller's does not reach, and makes it the terminal's foreground group.
func terminal(c *config) []*step {
	steps := []*step{setpgid().because("kill(0, ...) inside reaches nobody outside, and Ctrl-C only the command")}
	if c.tty {
		pid := new(int32)
		*pid = 2
		if !c.init {
			*pid = 1
		}
		steps = append(steps, call("ioctl", unix.SYS_IOCTL, fd(c.fds.tty, "TTY"), name(unix.TIOCSPGRP, "TIOCSPGRP"), mem(unsafe.Pointer(pid), "["+strconv.Itoa(int(*pid))+"]")).
			because("the terminal's foreground group; the launcher takes it back at the end"))
	}
	return steps
}

// seccompFlags are those of seccomp(2) that a profile can ask for.
var seccompFlags = []flagName{
	{unix.SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"},
	{unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
	{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, "SECCOMP_FILTER_FLAG_NEW_LISTENER"},
	{unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
}

// filter is step 13: nothing comes after it but execve.
func filter(c *config) ([]*step, error) {
	program, log, with := c.program, false, uint(0)
	if c.policy != nil {
		var err error
		if program, err = c.policy.compile(); err != nil {
			return nil, err
		}
		log, with = c.policy.notify, c.policy.flags
	}
	if program == nil {
		return nil, nil
	}
	p := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	install := call("seccomp", unix.SYS_SECCOMP, name(unix.SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER"), flags(uintptr(with), seccompFlags),
		mem(unsafe.Pointer(p), "{len="+strconv.Itoa(len(program))+", filter=FILTER}")).
		because("from here on the kernel asks the filter before every call")
	if !log {
		return []*step{install}, nil
	}
	// With a listener seccomp(2) returns its descriptor. The launcher takes it from
	// here, under a number it knows, before execve closes it.
	install.keep = ^uintptr(0)
	socket := fd(c.fds.child, "SOCKET")
	return []*step{install,
		call("dup3", unix.SYS_DUP3, kept(), fd(c.fds.listener, "LISTENER"), name(unix.O_CLOEXEC, "O_CLOEXEC")).
			because("--seccomp-log: the listener, where the launcher looks for it"),
		sendDescriptor(socket, c.fds.listener, "LISTENER").because("gives it to the launcher, who may not take it: this process is closed to everybody"),
		readByte(socket).because("waits until the launcher has it"),
	}, nil
}

// checkListener makes sure that the filter lets the calls through that come between
// it and execve: a refusal there would wait for a listener that nobody has yet.
func (c *config) checkListener() error {
	native, err := abiNamed("")
	if err != nil {
		return err
	}
	for _, name := range []string{"dup3", "sendmsg", "read", "execve"} {
		nr, _ := native.number(name)
		if v, _ := c.policy.eval(sysCall{nr: nr, arch: native.audit}); !v.permits() {
			return fmt.Errorf("--seccomp-log: the profile answers %s with %s, and the launcher needs it to get hold of the log", name, v)
		}
	}
	return nil
}

// lastSteps come between the limits and the filter.
func lastSteps(c *config) []*step {
	steps := append(closeRest(c), umask(0o022).because("the usual one"))
	if c.workdir != "/" {
		steps = append(steps, chdir(c.workdir).because("--workdir").hinted(func(e syscall.Errno) string {
			switch e {
			case unix.ENOENT, unix.ENOTDIR:
				return "--workdir=" + c.workdir + " is no directory in the container"
			case unix.EACCES:
				return fmt.Sprintf("the container's user (%d:%d to the host) may not enter --workdir=%s", c.hostUID, c.hostGID, c.workdir)
			}
			return ""
		}))
	}
	return append(steps, sigmask(c.mask).because("the caller's signal mask again; all signals were blocked until here"))
}

// execute is step 15: one execve for a path, one for each directory of PATH for a
// name without a slash.
func execute(c *config) []*step {
	argv, envp := cstrings(c.argv), cstrings(c.env)
	files := c.candidates()
	var steps []*step
	for i, f := range files {
		s := execve(f, argv, envp, c.argv).hinted(c.hintExec(f))
		if i < len(files)-1 {
			s = s.or(unix.ENOENT)
		}
		steps = append(steps, s)
	}
	return steps
}

// candidates are the files to try, in order.
func (c *config) candidates() []string {
	file := c.argv[0]
	if strings.Contains(file, "/") {
		return []string{file}
	}
	var out []string
	for _, e := range c.env {
		if dirs, ok := strings.CutPrefix(e, "PATH="); ok {
			for dir := range strings.SplitSeq(dirs, ":") {
				if dir == "" {
					dir = "." // environ(7): an empty entry is the working directory
				}
				out = append(out, dir+"/"+file)
			}
		}
	}
	if len(out) == 0 {
		out = []string{"/" + file}
	}
	return out
}

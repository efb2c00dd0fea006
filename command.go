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
	"errors"
	"fmt"
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setCommand reads COMMAND, or -c.
func (c *config) setCommand(f *runFlags) error {
	c.argv = f.Args
	if f.Command != nil {
		line := *f.Command
		if len(f.Args) > 0 {
			return fault(func() error {
				return fmt.Errorf("-c %s: there is a COMMAND as well, %s: give one of them", quote(line), quote(f.Args[0]))
			})
		}
		words, why := splitLine(line)
		if why != "" {
			return fault(func() error { return fmt.Errorf("-c %s: %s", quote(line), why) })
		}
		c.argv = words
	}
	if len(c.argv) == 0 || c.argv[0] == "" {
		return fault(func() error { return errors.New("no command to run; try: tincan -- sh, or see tincan --help") })
	}
	for _, a := range c.argv {
		if indexByte(a, 0) >= 0 {
			return fault(func() error { return fmt.Errorf("the command's argument %q holds a zero byte", a) })
		}
	}
	return nil
}

// splitLine splits a line as a shell does: blanks separate, '...' is literal, "..." and
// backslash quote. Nothing is expanded. why is what is wrong with the line, or "".
func splitLine(s string) (words []string, why string) {
	b := space(len(s) + 1)
	n, word := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n':
			if word {
				words = add(words, text(stringOf(b[:n])))
				n, word = 0, false
			}
		case '\'':
			end := indexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, "a ' is not closed"
			}
			n += copy(b[n:], s[i+1:i+1+end])
			i += end + 1
			word = true
		case '"':
			word = true
			for i++; ; i++ {
				if i >= len(s) {
					return nil, "a \" is not closed"
				}
				if s[i] == '"' {
					break
				}
				if s[i] == '\\' && i+1 < len(s) && indexByte("\"\\$`", s[i+1]) >= 0 {
					i++
				}
				b[n] = s[i]
				n++
			}
		case '\\':
			if i+1 >= len(s) {
				return nil, "nothing after the last backslash"
			}
			i++
			fallthrough
		default:
			b[n] = s[i]
			n++
			word = true
		}
	}
	if word {
		words = add(words, text(stringOf(b[:n])))
	}
	return words, ""
}

// variable is NAME=VALUE, or NAME to copy the caller's, and who says so.
type variable struct{ where, text string }

// setEnv reads --env-file and -e. The command gets three variables and what was asked for; of
// two with the same name the later counts.
func (c *config) setEnv(f *runFlags) error {
	term, _ := getenv("TERM")
	if term == "" {
		term = "dumb"
	}
	home := "HOME=/tmp"
	if c.uid == 0 {
		home = "HOME=/root"
	}
	c.env = list("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home, text("TERM=", term))
	var all []variable
	if len(f.EnvFile) > 0 {
		if err := fault(func() (err error) { all, err = fileEnv(f.EnvFile); return err }); err != nil {
			return err
		}
	}
	for _, e := range f.Env {
		all = add(all, variable{"-e ", e})
	}
	for i := range all {
		if err := c.putEnv(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// putEnv puts a variable in the place of another of its name.
func (c *config) putEnv(v *variable) error {
	n, _, given := cut(v.text, "=")
	if n == "" || indexByte(v.text, 0) >= 0 {
		return fault(func() error {
			return fmt.Errorf("%s%s: NAME=VALUE, or NAME to copy the caller's value", v.where, v.text)
		})
	}
	e := v.text
	if !given {
		value, found := getenv(n)
		if !found {
			return fault(func() error {
				return fmt.Errorf("%s%s: the caller's environment has no such variable; to give a value: %s=VALUE", v.where, n, n)
			})
		}
		e = text(n, "=", value)
	}
	kept := c.env[:0]
	for _, o := range c.env {
		if name, _, _ := cut(o, "="); name != n {
			kept = add(kept, o)
		}
	}
	c.env = add(kept, e)
	return nil
}

// setWorkdir reads --workdir.
func (c *config) setWorkdir(f *runFlags) error {
	if c.workdir = f.Workdir; f.Workdir == "/" && f.Here != "" {
		for i := range c.adds {
			if c.adds[i].here {
				c.workdir = c.adds[i].target
			}
		}
	}
	if !hasPrefix(c.workdir, "/") {
		return fault(func() error {
			return fmt.Errorf("--workdir=%s: not an absolute path of the container: it begins with /", f.Workdir)
		})
	}
	return nil
}

// setPassFDs reads --pass-fd.
func (c *config) setPassFDs(f *runFlags) error {
	for _, n := range f.PassFD {
		if n < 0 {
			return fault(func() error { return fmt.Errorf("--pass-fd=%d: not a descriptor's number", n) })
		}
		fl, e := sysFcntl(n, unix.F_GETFD, 0)
		if e != 0 || fl&unix.FD_CLOEXEC != 0 && n > 2 { // what is close-on-exec is ours, opened since the start
			return fault(func() error { return fmt.Errorf("--pass-fd=%d: the caller has no such descriptor open", n) })
		}
		if n > 2 {
			c.passFDs = insert(c.passFDs, n)
		}
	}
	return nil
}

// insert adds a number to a list of numbers in order, where it stands once.
func insert(in []int, n int) []int {
	for _, m := range in {
		if m == n {
			return in
		}
	}
	in = add(in, n)
	for i := len(in) - 1; i > 0 && in[i] < in[i-1]; i-- {
		in[i], in[i-1] = in[i-1], in[i]
	}
	return in
}

// forkInit is the step at which one process becomes two: PID 1 stays behind as the init,
// and PID 2 goes on to be the command.
func forkInit(init bool, d *fds) []*step {
	if !init {
		return nil
	}
	area := argvArea()
	title := call("read", unix.SYS_READ, fd(d.title, "TITLE"), mem(unsafe.Pointer(unsafe.SliceData(area)), "ARGV"), name(len(area), "LEN"), no, no, no)
	title.least = int32(len(area))
	return list(
		setpgid().because("signals for the caller's process group reach the launcher, which passes them on once"),
		prctl(unix.PR_SET_NAME, "PR_SET_NAME", cstring("tincan-init")).because("what ps(1) inside shows for PID 1"),
		title.because("/proc/1/cmdline shows the launcher's command line, which anybody inside may read: it is overwritten before there is anybody"),
		fork().because("PID 1 stays behind to reap and to pass on signals; PID 2 goes on").hinted(hintFork),
	)
}

func hintFork(e syscall.Errno) string {
	if e == unix.EAGAIN {
		return "--pids leaves no room for the init and the command: 2 at least, or --no-init"
	}
	return ""
}

// initSteps are the init's own, after the fork. The command is on its way by then, so
// nothing stands here that can fail or that the command must not come before.
func initSteps(init bool, d *fds) []*step {
	if !init {
		return nil
	}
	const why = "the init keeps the pipe to the launcher, and nothing else"
	return list(
		closeRange(num(3), name(d.report-1, "REPORT-1")).because(why),
		closeRange(name(d.report+1, "REPORT+1"), num(math.MaxUint32)).because(why),
	)
}

// closeRest closes every descriptor above 2, but for --pass-fd and the pipe to the
// launcher, which closes at execve. To let all of them close at execve would be too late:
// --workdir=/proc/self/fd/7, or a command of such a name, would lead out to a directory
// that the caller has open. listens is whether the filter has a listener.
func closeRest(passFDs []int, listens bool, d *fds) []*step {
	report := d.report
	if report == 0 { // of a plan that is only printed
		report = firstReport(passFDs)
	}
	kept := insert(addAll(nil, passFDs), report)
	if d.step != 0 {
		kept = insert(kept, d.step)
	}
	if listens && d.child != 0 {
		kept = insert(kept, d.child) // for the listener, below
	}
	var steps []*step
	from := 3
	for _, k := range add(kept, math.MaxUint32+1) {
		if k > from {
			steps = add(steps, closeRange(bound(from, report), bound(k-1, report)).
				because("no descriptor of the caller's or of the launcher's is left, but for 0, 1, 2 and --pass-fd"))
		}
		from = k + 1
	}
	return steps
}

// bound is an end of a range of descriptors, told by its distance from the pipe's.
func bound(n, report int) arg {
	switch n - report {
	case 1:
		return name(n, "REPORT+1")
	case -1:
		return name(n, "REPORT-1")
	}
	return num(uintptr(n))
}

// firstReport is the lowest number for the pipe to the launcher: above what the command
// keeps, with room between, so that the text of closeRest is always the same.
func firstReport(passFDs []int) int {
	highest := 3
	for _, n := range passFDs {
		highest = max(highest, n)
	}
	return highest + 2
}

// terminal gives the command a process group of its own, which a signal meant for the
// caller's does not reach, and makes it the terminal's foreground group.
func terminal(init bool, d *fds) []*step {
	if d.apart {
		steps := list(setsid().because("a session of its own, without a terminal: nothing of the caller's is handed over"))
		for i, instead := range d.outs {
			if instead != 0 {
				steps = add(steps, call("dup3", unix.SYS_DUP3, fd(instead, text("OUT", decimal(i))), num(uintptr(i)), num(0), no, no, no).
					because("what is the terminal can be written, and not be read"))
			}
		}
		return steps
	}
	steps := list(setpgid().because("kill(0, ...) inside reaches nobody outside, and Ctrl-C only the command"))
	if d.handOver {
		pid := keep(int32(2))
		if !init {
			*pid = 1
		}
		steps = add(steps, call("ioctl", unix.SYS_IOCTL, fd(d.tty, "TTY"), name(unix.TIOCSPGRP, "TIOCSPGRP"), memory(unsafe.Pointer(pid), showPid), no, no, no).
			because("the terminal's foreground group; the launcher takes it back at the end"))
	}
	return steps
}

// lastSteps come between the limits and the filter.
func lastSteps(c *config, d *fds) []*step {
	var steps []*step
	for fd, closed := range closedBefore {
		if closed {
			steps = add(steps, closeFD(num(uintptr(fd))).because("the caller has it closed: what is written there is an error, and not lost"))
		}
	}
	steps = addAll(steps, closeRest(c.passFDs, c.listens(), d))
	steps = add(steps, umask(0o022).because("the usual one"))
	if c.workdir != "/" {
		steps = add(steps, chdir(c.workdir).as(changesDir).because("--workdir"))
	}
	return add(steps, sigmask(c.mask).because("the caller's signal mask again; all signals were blocked until here"))
}

// hintWorkdir says why --workdir cannot be entered.
func (c *config) hintWorkdir(e syscall.Errno) string {
	switch e {
	case unix.ENOENT, unix.ENOTDIR:
		return "--workdir=" + c.workdir + " is no directory in the container"
	case unix.EACCES:
		return fmt.Sprintf("the container's user (%d:%d to the host) may not enter --workdir=%s", c.hostUID, c.hostGID, c.workdir)
	}
	return ""
}

// execute is step 15: one execve for a path, one for each directory of PATH for a name
// without a slash.
func execute(argv, env []string) []*step {
	v, e := cstrings(argv), cstrings(env)
	files := candidates(argv[0], env)
	var steps []*step
	for i, f := range files {
		s := execve(f, v, e)
		if i < len(files)-1 {
			s.may = unix.ENOENT
		}
		steps = add(steps, s)
	}
	return steps
}

// candidates are the files to try, in order.
func candidates(file string, env []string) []string {
	if contains(file, "/") {
		return list(file)
	}
	var out []string
	for _, e := range env {
		dirs, is := cutPrefix(e, "PATH=")
		for more := is; more; {
			var dir string
			if dir, dirs, more = cut(dirs, ":"); dir == "" {
				dir = "." // environ(7): an empty entry is the working directory
			}
			out = add(out, text(dir, "/", file))
		}
	}
	if len(out) == 0 {
		out = list(text("/", file))
	}
	return out
}

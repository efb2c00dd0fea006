// Chapter 15: the command.
//
// execve(2), close_range(2), setpgid(2), tcsetpgrp(3), PATH in environ(7).
//
// The last steps before the command starts: a process group of its own and the terminal, the
// limits, closing all descriptors except the standard three, the caller's signal mask, the
// filter, and execve.
//
// The file is longer than others so that all of this is read in the order in which it happens.
//
// Differs from the tutorial: the environment is not empty; the command's exit status is
// reported, even if it could not be executed; the command does not inherit descriptors of the
// caller; PID 1 is the init, not the command.

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
				return fmt.Errorf("-c %s: there is also a COMMAND, %s: give only one of them", quote(line), quote(f.Args[0]))
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
			return fault(func() error { return fmt.Errorf("the command's argument %q contains a zero byte", a) })
		}
	}
	return nil
}

// splitLine splits a line into words as a shell does: blanks separate words, '...' is literal,
// "..." and backslash quote. Nothing is expanded. why says what is wrong with the line, or is
// "".
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
				return nil, "the last backslash is followed by nothing"
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

// variable is NAME=VALUE, or NAME to copy the caller's variable. where says which flag or file
// it comes from.
type variable struct{ where, text string }

// setEnv reads --env-file and -e. The command gets three variables and those that were asked
// for. If two have the same name, the later one is used.
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

// putEnv adds a variable, or replaces the one with the same name.
func (c *config) putEnv(v *variable) error {
	n, _, given := cut(v.text, "=")
	if n == "" || indexByte(v.text, 0) >= 0 {
		return fault(func() error {
			return fmt.Errorf("%s%s: not NAME=VALUE, or NAME to copy the caller's value", v.where, v.text)
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
	if n == "HOME" {
		c.home = "" // this one was asked for
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
			return fmt.Errorf("--workdir=%s: not an absolute path of the container, which would begin with /", f.Workdir)
		})
	}
	return nil
}

// setPassFDs reads --pass-fd.
func (c *config) setPassFDs(f *runFlags) error {
	for _, n := range f.PassFD {
		if n < 0 {
			return fault(func() error {
				return fmt.Errorf("--pass-fd=%d: this is not the number of a descriptor, which is 0 or greater", n)
			})
		}
		fl, e := sysFcntl(n, unix.F_GETFD, 0)
		if e != 0 || fl&unix.FD_CLOEXEC != 0 && n > 2 { // a close-on-exec descriptor is one that tincan has opened
			return fault(func() error {
				return fmt.Errorf("--pass-fd=%d: the caller has no open descriptor with this number: open one, for instance --pass-fd=3 3<FILE", n)
			})
		}
		if n > 2 {
			c.passFDs = insert(c.passFDs, n)
		}
	}
	return nil
}

// insert adds a number to an ordered list of numbers, unless the list contains it.
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

// forkInit is the step at which one process becomes two: PID 1 remains as the init, and PID 2
// becomes the command.
func forkInit(init bool, d *fds) []*step {
	if !init {
		return nil
	}
	return list(
		setpgid().because("a signal for the caller's process group reaches only the launcher, which passes it on once"),
		prctl(unix.PR_SET_NAME, "PR_SET_NAME", cstring(initName)).because("the name that ps(1) inside shows for PID 1"),
		fork().as(forks).because("PID 1 remains, to reap processes and to pass on signals; PID 2 goes on, with the same memory until its execve"),
	)
}

// initName is the name of the init that ps(1) shows.
const initName = "tincan-init"

// replaceArgs writes the init's name over the launcher's command line (proc_pid_cmdline(5)). The
// clone copies it, so nothing inside can read the launcher's in /proc/1/cmdline. It returns the
// area and what must be written back after the clone: on the host the launcher keeps its command
// line.
func replaceArgs(init bool) (area, own []byte) {
	if !init {
		return nil, nil
	}
	area = argvArea()
	own = space(len(area))
	copy(own, area)
	clear(area)
	copy(area, initName)
	return area, own
}

// hintFork explains which limit of processes refuses a second one.
func (c *config) hintFork() string {
	if n, valid := number(c.group.shown("pids")); valid && n < 2 {
		return "--pids is too low for the init and the command: set it to at least 2, or use --no-init"
	}
	return "the limit of processes is reached: the caller's own (see `ulimit -u`), or pids.max of a group above the container's"
}

// initSteps are the init's own steps after the fork. The command may already be running by then,
// so none of these steps can fail, and none must come before the command.
func initSteps(init bool, d *fds) []*step {
	if !init {
		return nil
	}
	const why = "the init keeps only the pipe to the launcher"
	return list(
		closeRange(num(3), name(d.report-1, "REPORT-1")).because(why),
		closeRange(name(d.report+1, "REPORT+1"), num(math.MaxUint32)).because(why),
	)
}

// closeRest closes every descriptor above 2, except those of --pass-fd and the pipe to the
// launcher, which closes at execve. Closing all of them at execve would be too late:
// --workdir=/proc/self/fd/7, or a command of such a name, would lead to a directory outside that
// the caller has open. listens is true if the filter has a listener.
func closeRest(passFDs []int, listens bool, d *fds) []*step {
	report := d.report
	if report == 0 { // the plan is only printed
		report = firstReport(passFDs)
	}
	kept := insert(addAll(nil, passFDs), report)
	if d.step != 0 {
		kept = insert(kept, d.step)
	}
	if listens && d.child != 0 {
		kept = insert(kept, d.child) // for the listener, which is sent below
	}
	var steps []*step
	from := 3
	for _, k := range add(kept, math.MaxUint32+1) {
		if k > from {
			steps = add(steps, closeRange(bound(from, report), bound(k-1, report)).
				because("closes all descriptors of the caller and the launcher, except 0, 1, 2 and those of --pass-fd"))
		}
		from = k + 1
	}
	return steps
}

// bound is an end of a range of descriptors. It is shown relative to the pipe's descriptor.
func bound(n, report int) arg {
	switch n - report {
	case 1:
		return name(n, "REPORT+1")
	case -1:
		return name(n, "REPORT-1")
	}
	return num(uintptr(n))
}

// firstReport returns the lowest number for the pipe to the launcher. It is above the
// descriptors that the command keeps, with a gap, so that the text of closeRest is always the
// same.
func firstReport(passFDs []int) int {
	highest := 3
	for _, n := range passFDs {
		highest = max(highest, n)
	}
	return highest + 2
}

// terminal gives the command a process group of its own, so that a signal for the caller's group
// does not reach it, and makes it the terminal's foreground group.
func terminal(init bool, d *fds) []*step {
	if d.apart {
		steps := list(setsid().because("a session of its own without a terminal: the command gets no access to the caller's terminal"))
		for i, instead := range d.outs {
			if instead != 0 {
				steps = add(steps, call("dup3", unix.SYS_DUP3, fd(instead, text("OUT", decimal(i))), num(uintptr(i)), num(0)).
					because("the command can write to the terminal and not read from it"))
			}
		}
		return steps
	}
	steps := list(setpgid().because("kill(0, ...) inside reaches no process outside, and Ctrl-C reaches only the command"))
	if d.handOver {
		pid := keep(int32(2))
		if !init {
			*pid = 1
		}
		steps = add(steps, call("ioctl", unix.SYS_IOCTL, fd(d.tty, "TTY"), name(unix.TIOCSPGRP, "TIOCSPGRP"), memory(unsafe.Pointer(pid), showPid)).
			because("makes it the terminal's foreground group; the launcher takes the terminal back at the end"))
	}
	return steps
}

// lastSteps are the steps between the limits and the filter.
func lastSteps(c *config, d *fds) []*step {
	var steps []*step
	for fd, closed := range closedBefore {
		if closed {
			steps = add(steps, closeFD(num(uintptr(fd))).because("the caller has closed it: a write to it must be an error and not vanish"))
		}
	}
	steps = add(steps, startStep())
	steps = add(steps, readByte(fd(d.child, "SOCKET")).because("waits until the launcher has looked at the mounts: nothing may be executed before"))
	steps = addAll(steps, closeRest(c.passFDs, c.listens(), d))
	steps = add(steps, umask(0o022).because("the usual umask"))
	if c.workdir != "/" {
		steps = add(steps, chdir(c.workdir).as(changesDir).because("--workdir"))
	}
	return add(steps, sigmask(c.mask).because("restores the caller's signal mask; all signals were blocked until here"))
}

// hintWorkdir explains why --workdir cannot be entered.
func (c *config) hintWorkdir(e syscall.Errno) string {
	switch e {
	case unix.ENOENT, unix.ENOTDIR:
		said := "--workdir=" + c.workdir + " is not a directory in the container"
		if private := c.privateAbove(cleanPath(c.workdir)); private != "" {
			said += "; " + private + " is private in the container and empty there"
			if exists(c.workdir) {
				said += "; add the directory: -a " + c.workdir + ":" + c.workdir + ", or start tincan in it with --here"
			}
		}
		return said
	case unix.EACCES:
		return fmt.Sprintf("the container's user (%d:%d on the host) may not enter --workdir=%s: choose another directory, or allow it (chmod o+x)", c.hostUID, c.hostGID, c.workdir)
	}
	return ""
}

// execute is step 15: one execve for a path, or one for each directory of PATH for a name
// without a slash.
func execute(argv, env []string) []*step {
	v, e := cstrings(argv), cstrings(env)
	files := candidates(argv[0], env)
	var steps []*step
	for i, f := range files {
		s := execve(f, v, e)
		if i < len(files)-1 {
			s.or(unix.ENOENT)
		}
		steps = add(steps, s)
	}
	return steps
}

// candidates returns the files to try, in order.
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
				dir = "." // environ(7): an empty entry means the working directory
			}
			out = add(out, text(dir, "/", file))
		}
	}
	if len(out) == 0 {
		out = list(text("/", file))
	}
	return out
}

// Chapters 1 to 6: from the command line to a container that can be planned.
//
// Everything the user said is checked here, before anything is made. An error says
// which flag, which value, and what would be right.
//
// Differs from the tutorial: `-a /etc` and a blank command are errors and not
// panics; -c understands quotes; paths may hold colons; the kernel's version is
// compared number by number (there, 4.10 was older than 4.8).

package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// config is a container to be: what the user asked for, made definite.
type config struct {
	root     root
	private  []privateDir
	adds     []addedPath
	readOnly bool

	argv    []string
	env     []string
	workdir string

	uid, gid         int // inside
	hostUID, hostGID int
	maps, gidMaps    []idMap
	rootless         rootless

	hostname string
	net      string // "none" or "host"
	keep     capSet
	apparmor appArmor
	lastCap  int
	group    group
	rlimits  []rlimit
	policy   *policy
	program  []unix.SockFilter // the filter, if it was compiled beforehand: then policy is nil
	warnings []string          // about the profile

	mask    *uint64 // the caller's signal mask, filled in at the clone
	init    bool
	passFDs []int
	console string // the terminal's path, if there is one
	tty     bool   // the command gets its own foreground process group

	fds fds
}

// fds are descriptors that the child inherits from the launcher. In a plan that is
// only printed they are all 0; the text shows their names.
type fds struct {
	parent, child int   // the socket pair (step 7)
	report        int   // the close-on-exec pipe
	title         int   // what the init overwrites its command line with
	step          int   // --step's socket, or 0
	tty           int   // the controlling terminal
	listener      int   // where the child puts the filter's listener (--seccomp-log)
	group         []int // the file tasks of each version 1 group
}

// newConfig turns flags into a config. It makes nothing, and is the same for `run`
// and `plan`.
func newConfig(f *runFlags) (*config, error) {
	c := &config{mask: new(uint64), init: f.Init, net: f.Net, readOnly: f.Ro, hostname: f.Hostname, workdir: f.Workdir}
	var err error
	for _, set := range []func(*runFlags) error{
		c.setCommand, c.setHostname, c.setIDs, c.setRoot, c.setAdds, c.setEnv, c.setCaps, c.setLimits, c.setRlimits, c.setAppArmor, c.setRest,
	} {
		if err = set(f); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *config) setCommand(f *runFlags) error {
	c.argv = f.Args
	if f.Command != nil {
		if len(f.Args) > 0 {
			return fmt.Errorf("-c %s: there is a COMMAND as well, %s: give one of them", quote(*f.Command), quote(f.Args[0]))
		}
		var err error
		if c.argv, err = splitLine(*f.Command); err != nil {
			return fmt.Errorf("-c %s: %w", quote(*f.Command), err)
		}
	}
	if len(c.argv) == 0 || c.argv[0] == "" {
		return errors.New("no command to run; try: tincan -- sh, or see tincan --help")
	}
	for _, a := range c.argv {
		if strings.ContainsRune(a, 0) {
			return fmt.Errorf("the command's argument %q holds a zero byte", a)
		}
	}
	return nil
}

// setHostname: the name is a directory of cgroupfs as well, and is passed to
// sethostname(2), which takes 64 bytes.
func (c *config) setHostname(f *runFlags) error {
	if c.hostname == "" {
		c.hostname = randomHostname()
		return nil
	}
	bad := func(why string) error { return fmt.Errorf("--hostname=%s: %s", c.hostname, why) }
	switch {
	case len(c.hostname) > 64:
		return bad(fmt.Sprintf("%d bytes, and 64 is the most (sethostname(2))", len(c.hostname)))
	case c.hostname == "." || c.hostname == "..":
		return bad("also names the resource group, a directory")
	case strings.ContainsAny(c.hostname, "/\x00\n\t "):
		return bad("slashes and blanks do not belong in a hostname, which also names the resource group, a directory")
	case strings.HasPrefix(c.hostname, "cgroup.") || strings.HasPrefix(c.hostname, "."):
		return bad("also names the resource group, a directory, and the kernel keeps such names for itself")
	}
	return nil
}

func (c *config) setRoot(f *runFlags) error {
	if f.Mount == nil {
		c.root.host, c.root.dir, c.readOnly = true, "/", true
		return nil
	}
	if *f.Mount == "" {
		return errors.New("-m: an empty name; leave the flag out for the host's own tree")
	}
	dir, err := resolveDir(*f.Mount)
	if err != nil {
		return fmt.Errorf("-m %s: %w", *f.Mount, err)
	}
	if dir == "/" {
		return fmt.Errorf("-m %s: is the host's own root; for a container on the host's own tree, read-only, leave -m out", *f.Mount)
	}
	c.root.dir = dir
	if err := c.mayEnter(dir); err != nil {
		return fmt.Errorf("-m %s: %w", *f.Mount, err)
	}
	return nil
}

// mayEnter: the container's user is nobody in particular to the host, and needs
// the permission to search the root directory. mktemp -d gives it to its owner only.
func (c *config) mayEnter(dir string) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return err
	}
	allowed := st.Mode & unix.S_IXOTH
	switch {
	case int(st.Uid) == c.hostUID:
		allowed = st.Mode & unix.S_IXUSR
	case int(st.Gid) == c.hostGID:
		allowed = st.Mode & unix.S_IXGRP
	}
	if n, _ := unix.Getxattr(dir, "system.posix_acl_access", nil); allowed != 0 || n > 0 {
		return nil
	}
	if c.rootless.single && unix.Faccessat(unix.AT_FDCWD, dir, unix.X_OK, 0) == nil {
		return nil // by one of the user's groups, which stay
	}
	return fmt.Errorf("mode %04o, owner %d:%d: the container's user, who is %d:%d to the host, may not enter it; chmod o+x %s (or chown %d:%d %s)",
		st.Mode&0o7777, st.Uid, st.Gid, c.hostUID, c.hostGID, dir, c.hostUID, c.hostGID, dir)
}

func (c *config) setAdds(f *runFlags) error {
	for _, s := range f.Add {
		a, err := parseAdd(s)
		if err != nil {
			return err
		}
		c.adds = append(c.adds, a)
	}
	for _, s := range f.Tmpfs {
		a, err := parseTmpfs(s)
		if err != nil {
			return err
		}
		c.adds = append(c.adds, a)
	}
	// A path comes before the paths below it, whatever the order of the flags.
	sort.SliceStable(c.adds, func(i, j int) bool {
		return strings.Count(c.adds[i].target, "/") < strings.Count(c.adds[j].target, "/")
	})
	return nil
}

// setEnv: the command gets three variables and what was asked for.
func (c *config) setEnv(f *runFlags) error {
	term := os.Getenv("TERM")
	if term == "" {
		term = "dumb"
	}
	home := "/tmp"
	if c.uid == 0 {
		home = "/root"
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "TERM=" + term}
	for _, e := range f.Env {
		n, _, given := strings.Cut(e, "=")
		if n == "" || strings.ContainsRune(e, 0) {
			return fmt.Errorf("-e %s: NAME=VALUE, or NAME to copy the caller's value", e)
		}
		if !given {
			value, ok := os.LookupEnv(n)
			if !ok {
				return fmt.Errorf("-e %s: the caller's environment has no such variable; give a value with -e %s=VALUE", n, n)
			}
			e = n + "=" + value
		}
		env = slices.DeleteFunc(env, func(o string) bool { return strings.HasPrefix(o, n+"=") })
		env = append(env, e)
	}
	c.env = env
	return nil
}

func (c *config) setCaps(f *runFlags) error {
	var err error
	if c.lastCap, err = lastCap(); err != nil {
		return err
	}
	c.keep = keptCaps()
	for _, s := range f.CapDrop {
		set, err := parseCap("--cap-drop", s, c.lastCap)
		if err != nil {
			return err
		}
		c.keep &^= set
	}
	for _, s := range f.CapAdd {
		set, err := parseCap("--cap-add", s, c.lastCap)
		if err != nil {
			return err
		}
		c.keep |= set
	}
	return nil
}

func (c *config) setLimits(f *runFlags) error {
	var l limits
	for _, v := range []struct {
		to       *limit
		flag     string
		text     string
		standard string
		parse    func(string) (uint64, error)
		max      bool // "max" is allowed
	}{
		{&l.memory, "--memory", f.Memory, "1GiB", parseSize, true},
		{&l.swap, "--swap", f.Swap, "0", parseSize, true},
		{&l.pids, "--pids", f.Pids, "64", parsePids, true},
		{&l.cpuWeight, "--cpu-weight", f.CPUWeight, "25", parseWeight, false},
		{&l.cpus, "--cpus", f.CPUs, "max", parseCPUs, true},
		{&l.ioWeight, "--io-weight", f.IOWeight, "10", parseWeight, false},
	} {
		text := v.text
		v.to.asked = text != ""
		if text == "" {
			text = v.standard
		}
		if v.max && text == "max" {
			v.to.max = true
			continue
		}
		var err error
		if v.to.value, err = v.parse(text); err != nil {
			return fmt.Errorf("%s=%s: %w", v.flag, text, err)
		}
		if f.NoCgroup && v.to.asked {
			return fmt.Errorf("%s=%s: there is no resource group to set it in with --no-cgroup: leave one of them out", v.flag, text)
		}
	}
	if !l.memory.max && l.memory.value == 0 {
		return errors.New("--memory=0: nothing runs in no memory; max lifts the limit")
	}
	if f.NoCgroup {
		c.group.none = true
		return nil
	}
	if c.rootless.on {
		return c.userGroup(l)
	}
	var err error
	c.group, err = findGroup(c.hostname, l)
	return err
}

// asked names the limits that were asked for.
func (l *limits) asked() []string {
	var out []string
	for _, v := range []struct {
		limit
		flag string
	}{{l.memory, "--memory"}, {l.swap, "--swap"}, {l.pids, "--pids"}, {l.cpuWeight, "--cpu-weight"}, {l.cpus, "--cpus"}, {l.ioWeight, "--io-weight"}} {
		if v.asked {
			out = append(out, v.flag)
		}
	}
	return out
}

func (c *config) setRlimits(f *runFlags) error {
	all := append(slices.Clone(defaultRlimits), c.standIn()...)
	for _, s := range f.Rlimit {
		r, err := parseRlimit(s)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(o rlimit) bool { return o.resource == r.resource })
		all = append(all, r)
	}
	c.rlimits = all
	return nil
}

func (c *config) setRest(f *runFlags) error {
	if !path.IsAbs(c.workdir) {
		return fmt.Errorf("--workdir=%s: not an absolute path of the container: it begins with /", c.workdir)
	}
	for _, n := range f.PassFD {
		if n < 0 {
			return fmt.Errorf("--pass-fd=%d: not a descriptor's number", n)
		}
		fl, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		if err != nil || fl&unix.FD_CLOEXEC != 0 && n > 2 { // what is close-on-exec is ours, opened since the start
			return fmt.Errorf("--pass-fd=%d: the caller has no such descriptor open", n)
		}
		if n > 2 && !slices.Contains(c.passFDs, n) {
			c.passFDs = append(c.passFDs, n)
		}
	}
	slices.Sort(c.passFDs)
	if f.Seccomp == "default" && !f.SeccompLog {
		if c.program = defaultFilter(); c.program != nil {
			c.console = consolePath()
			return nil
		}
	}
	var err error
	if c.policy, c.warnings, err = seccompPolicy(f.Seccomp, c.keep.names(), f.SeccompStrictInts); err != nil {
		return fmt.Errorf("--seccomp=%s: %w", f.Seccomp, err)
	}
	if c.policy == nil && f.SeccompStrictInts {
		return errors.New("--seccomp-strict-ints: there is nothing to compare with --seccomp=none")
	}
	if f.SeccompLog {
		if c.policy == nil {
			return errors.New("--seccomp-log: there is nothing to report with --seccomp=none")
		}
		if err := c.checkListener(); err != nil {
			return err
		}
		c.policy = c.policy.notifying()
	}
	c.console = consolePath()
	return nil
}

// The contenders: tincan, the floor of its plan, and the peers.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names that ratios and the chart refer to.
const (
	nameTincan   = "tincan"
	nameBare     = "tincan --no-cgroup"
	nameFloor    = "floor"
	nameBareBase = "floor --no-cgroup"
	nameBwrap    = "bwrap --unshare-all"
	nameRunc     = "runc"
	noLimits     = ", no limits"
)

// contenders returns all contenders, which run cmd in the tree. Each is tried once, to find out
// whether it works here.
func (s *workshop) contenders(cmd string) []*contender {
	all := []*contender{
		{name: nameTincan, argv: []string{s.tincan, "run", "-m", s.root, "--", cmd}},
		{name: nameBare, argv: []string{s.tincan, "run", "--no-cgroup", "-m", s.root, "--", cmd}},
		s.floorContender(nameFloor, s.root, cmd),
		s.floorContender(nameBareBase, s.root, cmd, "--no-cgroup"),
		{name: nameBwrap, argv: bwrapLine(s.root, cmd)},
		s.filteredBwrap(cmd),
		{name: "unshare", argv: []string{"unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork",
			"--root", s.root, "--mount-proc", cmd}},
	}
	for _, runtime := range []string{"runc", "crun"} {
		all = append(all, s.bundled(runtime, runtime, ociConfig(s.root, cmd, true, nil)),
			s.bundled(runtime, runtime+noLimits, ociConfig(s.root, cmd, false, nil)))
	}
	all = append(all, s.nspawn(cmd), firejail(s.root+cmd))
	all = slices.DeleteFunc(all, func(c *contender) bool { return !asked(c.name) })
	for _, c := range all {
		c.absent = c.trial()
	}
	return all
}

// asked reports whether -who names the contender.
func asked(name string) bool {
	return *who == "" || slices.ContainsFunc(strings.Split(*who, ","), func(w string) bool { return strings.HasPrefix(name, w) })
}

// present returns the contenders that work here and have one of the names, if any are given.
func present(all []*contender, names ...string) (out []*contender) {
	for _, c := range all {
		wanted := len(names) == 0
		for _, n := range names {
			wanted = wanted || c.name == n
		}
		if wanted && c.absent == "" {
			out = append(out, c)
		}
	}
	return out
}

// named returns the contender of that name, or nil. Nothing is measured for nil.
func named(all []*contender, name string) *contender {
	for _, c := range all {
		if c.name == name {
			return c
		}
	}
	return nil
}

// floorContender returns the floor of `tincan run FLAGS -m ROOT -- CMD`. The command is compiled
// in, like the rest of the plan.
func (s *workshop) floorContender(name, root, cmd string, flags ...string) *contender {
	c := &contender{name: name, argv: []string{"floor"}, single: !slices.Contains(flags, "--no-cgroup")}
	s.floors++
	file := fmt.Sprintf("floor-%d-%d", s.user, s.floors)
	args := append(flags, "-m", root, "--hostname=tincan-bench-"+strconv.Itoa(os.Getpid()), "--", cmd)
	bin, err := s.floor(file, args...)
	if err != nil {
		c.absent = oneLine(err.Error())
		return c
	}
	c.argv[0] = bin
	return c
}

// bwrapLine returns the command line with which bwrap runs cmd.
func bwrapLine(root, cmd string, more ...string) []string {
	line := []string{"bwrap", "--unshare-all", "--die-with-parent", "--bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"}
	return append(append(line, more...), cmd)
}

// filteredBwrap returns a bwrap with tincan's filter and tincan's capabilities.
func (s *workshop) filteredBwrap(cmd string) *contender {
	c := &contender{name: "bwrap, filter and caps", files: []string{filepath.Join(s.dir, "default.bpf")}}
	filter, err := s.compileFilter("default")
	if err == nil {
		err = os.WriteFile(c.files[0], filter, 0o644)
	}
	if err != nil {
		c.absent = oneLine(err.Error())
	}
	more := []string{"--seccomp", "3", "--cap-drop", "ALL"}
	for _, k := range keptCaps {
		more = append(more, "--cap-add", k)
	}
	c.argv = bwrapLine(s.root, cmd, more...)
	return c
}

// keptCaps are the capabilities that tincan leaves to a command.
var keptCaps = []string{"CAP_CHOWN", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_OWNER", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT", "CAP_SYS_TTY_CONFIG", "CAP_LEASE"}

// nspawn uses its own copy of the tree, because it leaves files there. It works without a running
// systemd if it does not have to register the machine.
func (s *workshop) nspawn(cmd string) *contender {
	c := &contender{name: "systemd-nspawn", single: true}
	root, err := s.copyTree("nspawn" + strings.ReplaceAll(cmd, "/", "-"))
	if err != nil {
		c.absent = err.Error()
	}
	c.argv = []string{"systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--machine=tincan-bench", "--directory=" + root,
		"--private-users=10000:2000", "--private-network", "--as-pid2", "--pipe", cmd}
	return c
}

// firejail shows the host's own tree, because Debian's does not accept a root directory (chroot is
// disabled in its firejail.config). It runs the busybox of the tree there.
func firejail(cmd string) *contender {
	return &contender{name: "firejail", argv: []string{"firejail", "--quiet", "--noprofile", "--net=none", "--ipc-namespace",
		"--caps.drop=all", "--seccomp", "--nonewprivs", "--rlimit-nofile=64", cmd}}
}

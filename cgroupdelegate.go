// Chapter 14 without root: a resource group that somebody has handed over.
//
// cgroups(7) "Delegation", "No internal processes", cgroup-v2.rst, systemd.resource-control(5)
// Delegate=, systemd-run(1).
//
// Groups are root's, but root, or systemd for it, may give one to a user: the
// directory and the files cgroup.procs and cgroup.subtree_control in it are then the
// user's. A process can be moved only below a group that the mover may write, so a
// login shell (session-N.scope) cannot get into what systemd has delegated to its own
// user@UID.service, and `systemd-run --user --scope -p Delegate=yes` is the way.
//
// In the delegated group the kernel allows limits for groups below only while no
// process is in the group itself. So a launcher that is alone there moves into a leaf
// of its own, and back at the end; others it does not touch, and names them.
//
// The same serves root inside another container, whose group is not the machine's
// topmost either. Slices and the manager's own service are systemd's to change, and a
// limit that it takes away again would be none: no group is made there.
//
// Differs from the tutorial: it is for root only, on a machine of its own.

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// topmost tells whether the group is the machine's: only that has no cgroup.type.
func topmost(dir string) bool { return !exists(filepath.Join(dir, "cgroup.type")) }

// findDelegated plans the group below the one that tincan runs in. needed are the
// controllers without which it is none.
func (g *group) findDelegated(needed []string) error {
	own, err := ownV2Group()
	if err != nil {
		return err
	}
	var why error
	for dir := own; ; dir = filepath.Dir(dir) {
		err := g.tryDelegated(dir, dir == own, needed)
		if err == nil {
			return nil
		}
		if why == nil {
			why = err
		}
		if dir == cgroupRoot || !strings.HasPrefix(dir, cgroupRoot) {
			return why
		}
	}
}

// ownV2Group is the directory of the group that tincan runs in.
func ownV2Group() (string, error) {
	if _, ok := v2Controllers(cgroupRoot); !ok {
		return "", fmt.Errorf("%s is not version 2 of control groups, and those of version 1 are root's; boot with systemd.unified_cgroup_hierarchy=1, and then: %s", cgroupRoot, scopeCommand)
	}
	own, err := ownGroups()
	if err != nil {
		return "", err
	}
	m, err := v2Mount()
	if err != nil {
		return "", err
	}
	if dir := m.dir(own[""]); exists(dir) && !strings.HasPrefix(own[""], "/..") {
		return dir, nil
	}
	return "", fmt.Errorf("the group that tincan runs in, %s, is not below %s; to get one: %s", own[""], cgroupRoot, toGetGroup())
}

// v2Mount finds the mount at cgroupRoot.
func v2Mount() (v1Mount, error) {
	b, err := readFile("/proc/self/mountinfo")
	if err != nil {
		return v1Mount{}, err
	}
	m := v1Mount{point: cgroupRoot, root: "/"}
	for line := range strings.SplitSeq(b, "\n") {
		if f := strings.Fields(line); len(f) > 5 && f[4] == cgroupRoot {
			m.root = unescapeMount(f[3])
		}
	}
	return m, nil
}

// tryDelegated uses the group at dir if it can have a group with limits below it.
func (g *group) tryDelegated(dir string, own bool, needed []string) error {
	base := filepath.Base(dir)
	if strings.HasSuffix(base, ".slice") || strings.HasPrefix(base, "user@") {
		return fmt.Errorf("%s is systemd's own; to get a group: %s", dir, toGetGroup())
	}
	for _, f := range []string{dir, dir + "/cgroup.procs", dir + "/cgroup.subtree_control"} {
		switch err := unix.Access(f, unix.W_OK); err {
		case nil:
		case unix.EROFS:
			return fmt.Errorf("%s is read-only, as inside another container: run that one with a writable /sys/fs/cgroup (docker run --cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rw, podman run --security-opt unmask=/sys/fs/cgroup)", cgroupRoot)
		default:
			return fmt.Errorf("%s is not this user's to write (%v); to get a group: %s", f, err, toGetGroup())
		}
	}
	have, _ := v2Controllers(dir)
	for _, c := range needed {
		if !slices.Contains(have, c) {
			return fmt.Errorf("%s has no %s controller, only %q; to have it delegated: %s", dir, c, strings.Join(have, " "), toGetController(dir, c))
		}
	}
	others, self, err := members(dir)
	if err != nil {
		return err
	}
	if len(others) > 0 && !topmost(dir) {
		return fmt.Errorf("%s has other processes in it, %s, and the kernel allows limits below a group only while it has none (\"no internal processes\", cgroups(7)); to get a group for tincan alone: %s",
			dir, strings.Join(others, ", "), toGetGroup())
	}
	g.v2, g.delegated, g.leaf = true, true, own && self && !topmost(dir)
	g.parents = []groupParent{{"", dir}}
	return nil
}

// members lists the processes in a group, but for the launcher itself.
func members(dir string) (others []string, self bool, err error) {
	b, err := readFile(dir + "/cgroup.procs")
	if err != nil {
		return nil, false, err
	}
	for pid := range strings.FieldsSeq(b) {
		if pid == strconv.Itoa(os.Getpid()) {
			self = true
			continue
		}
		comm, _ := readFile("/proc/" + pid + "/comm")
		if others = append(others, strings.TrimSpace(pid+" "+comm)); len(others) == 5 {
			return append(others, "..."), self, nil
		}
	}
	return others, self, nil
}

// leafDir is where the launcher stays meanwhile.
func (g *group) leafDir() string {
	return filepath.Join(g.parents[0].dir, fmt.Sprintf("tincan-launcher-%d", os.Getpid()))
}

// stepAside are the host's steps by which the launcher leaves the group it is in.
func (g *group) stepAside() []*step {
	if !g.leaf {
		return nil
	}
	procs := func() string { return g.leafDir() + "/cgroup.procs" }
	shown := filepath.Join(g.parents[0].dir, "tincan-launcher-PID")
	return []*step{
		hostStep("mkdir", func(l *launch) error {
			home := g.parents[0].dir
			for _, e := range []entry{{"leaf", []string{g.leafDir()}}, {"home", []string{home}}} {
				if err := l.ledger.note(e); err != nil {
					return err
				}
			}
			if err := unix.Mkdir(g.leafDir(), 0o755); err != nil && err != unix.EEXIST {
				return err
			}
			return nil
		}, quote(shown), "0755").because("a leaf for the launcher: limits are for groups below one that has no process itself"),
		hostWrite(shown+"/cgroup.procs", "0", func(*launch) error { return writeFile(procs(), "0") }).
			because("0 is the process that writes: it goes there, and comes back at the end"),
	}
}

// comeHome undoes stepAside, once the container's group is gone: the controllers are
// taken back, since no process may come into a group that gives them to others. Where
// another run has a group there by now, all stays as it is; a later run removes it.
func comeHome(home string) error {
	names, err := os.ReadDir(home)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.IsDir() && n.Name() != fmt.Sprintf("tincan-launcher-%d", os.Getpid()) {
			return nil
		}
	}
	file := home + "/cgroup.subtree_control"
	b, err := readFile(file)
	if err != nil {
		return err
	}
	if have := strings.Fields(b); len(have) > 0 {
		if err := writeFile(file, "-"+strings.Join(have, " -")); err != nil {
			return &hostError{call: "write(" + quote(file) + ")", err: err}
		}
	}
	return writeFile(home+"/cgroup.procs", "0")
}

// userGroup is setLimits for a user who is not root. A limit that was asked for and
// cannot be had is an error; the defaults then become what setrlimit(2) can do.
func (c *config) userGroup(l limits) error {
	g := group{name: c.hostname, keep: systemdRuns()}
	err := g.findDelegated(required[:2])
	if err == nil {
		have, _ := v2Controllers(g.parents[0].dir)
		c.group = g
		return c.group.planV2(l, have)
	}
	if asked := l.asked(); len(asked) > 0 {
		return fmt.Errorf("%s: there is no resource group to set it in: %w", strings.Join(asked, ", "), err)
	}
	c.group = group{none: true, lacks: err}
	return nil
}

// standIn are the limits of a process that stand in for those of a group. They are no
// substitute: memory is counted for each process, and processes for each user id.
func (c *config) standIn() []rlimit {
	if c.group.lacks == nil {
		return nil
	}
	var out []rlimit
	for _, r := range []rlimit{{unix.RLIMIT_DATA, 1 << 30, 1 << 30}, {unix.RLIMIT_NPROC, 64, 64}} {
		var now unix.Rlimit
		if unix.Getrlimit(r.resource, &now) == nil {
			r.cur, r.max = min(r.cur, now.Max), min(r.max, now.Max)
		}
		out = append(out, r)
	}
	return out
}

// standInText says in one line, since each run says it, what there is instead of limits.
func (c *config) standInText() string {
	var have []string
	for _, r := range c.rlimits {
		value := "max"
		if r.cur != math.MaxUint64 {
			value = sizeText(strconv.FormatUint(r.cur, 10))
		}
		switch r.resource {
		case unix.RLIMIT_DATA:
			have = append(have, "data="+value+" for each process")
		case unix.RLIMIT_NPROC:
			have = append(have, "nproc="+value+" for each user id")
		}
	}
	return "no resource group, so the container as a whole has no limits, only --rlimit's " + strings.Join(have, " and ") +
		"; why, and how to get one: tincan check; without this line: --no-cgroup"
}

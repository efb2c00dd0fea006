// Chapter 14 without root: a resource group that was delegated to the user.
//
// cgroups(7) "Delegation", "No internal processes", cgroup-v2.rst, systemd.resource-control(5)
// Delegate=, systemd-run(1).
//
// Groups belong to root. Root, or systemd on its behalf, may delegate one to a user, who then
// owns the directory and the files cgroup.procs and cgroup.subtree_control in it. A process can
// be moved only below a group that the moving process may write. A login shell (session-N.scope)
// can therefore not get into a group that systemd has delegated to the user's user@UID.service;
// `systemd-run --user --scope -p Delegate=yes` can.
//
// In the delegated group, the kernel allows limits for groups below only while no process is in
// the group itself. So a launcher that is alone there moves into a leaf group of its own, and
// back at the end. If there are other processes, it does not touch them, and names them in the
// error.
//
// The same applies to root inside another container, whose group is not the machine's topmost
// group either. No group is made in slices and in the group of systemd's own service: systemd
// changes these groups, and a limit that it removes again would be useless.
//
// Differs from the tutorial: the tutorial's program needs root, on a machine that is not a
// container.

package main

import (
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"
)

// topmost reports whether the group is the machine's topmost group, the only one without
// cgroup.type.
func topmost(dir string) bool { return !exists(text(dir, "/cgroup.type")) }

// findDelegated plans a group below the one that tincan runs in. needed are the controllers that
// it must have.
func (g *group) findDelegated(needed []string) error {
	own, err := ownV2Group()
	if err != nil {
		return err
	}
	var why error
	for dir := own; ; dir = parentDir(dir) {
		err := g.tryDelegated(dir, dir == own, needed)
		if err == nil {
			return nil
		}
		if why == nil {
			why = err
		}
		if dir == cgroupRoot || !hasPrefix(dir, cgroupRoot) {
			return why
		}
	}
}

// ownV2Group returns the directory of the group that tincan runs in.
func ownV2Group() (string, error) {
	if _, is := v2Controllers(cgroupRoot); !is {
		return "", fault(func() error {
			return fmt.Errorf("%s is not version 2 of control groups, and groups of version 1 belong to root; boot with systemd.unified_cgroup_hierarchy=1, and then: %s", cgroupRoot, scopeCommand)
		})
	}
	paths, err := ownGroups()
	if err != nil {
		return "", err
	}
	m, err := v2Mount()
	if err != nil {
		return "", err
	}
	own := paths.of("")
	if dir := m.dir(own); exists(dir) && !hasPrefix(own, "/..") {
		return dir, nil
	}
	return "", fault(func() error {
		return fmt.Errorf("the group that tincan runs in, %s, is not below %s; to get one: %s", own, cgroupRoot, toGetGroup())
	})
}

// v2Mount returns the mount at cgroupRoot.
func v2Mount() (v1Mount, error) {
	m := v1Mount{point: cgroupRoot, root: "/"}
	content, err := readMounts("self")
	for line := one[mountLine](); line.next(&content); {
		if line.point == cgroupRoot {
			m.root = line.root
		}
	}
	return m, err
}

// tryDelegated uses the group at dir if a group with limits can be made below it.
func (g *group) tryDelegated(dir string, own bool, needed []string) error {
	base := baseName(dir)
	if hasSuffix(base, ".slice") || hasPrefix(base, "user@") {
		return fault(func() error { return fmt.Errorf("%s belongs to systemd itself; to get a group: %s", dir, toGetGroup()) })
	}
	for _, below := range [...]string{"", "/cgroup.procs", "/cgroup.subtree_control"} {
		f := text(dir, below)
		switch e := sysFaccessat(unix.AT_FDCWD, f, unix.W_OK); e {
		case 0:
		case unix.EROFS:
			return fault(func() error {
				return fmt.Errorf("%s is read-only, as is usual inside another container: run that container with a writable /sys/fs/cgroup (docker run --cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rw, podman run --security-opt unmask=/sys/fs/cgroup)", cgroupRoot)
			})
		default:
			return fault(func() error {
				return fmt.Errorf("this user may not write to %s (%v); to get a group: %s", f, e, toGetGroup())
			})
		}
	}
	have, _ := v2Controllers(dir)
	for _, c := range needed {
		if !has(have, c) {
			return fault(func() error {
				return fmt.Errorf("%s has no %s controller, only %q; to have it delegated: %s", dir, c, strings.Join(have, " "), toGetController(dir, c))
			})
		}
	}
	others, self, err := members(dir)
	if err != nil {
		return err
	}
	if len(others) > 0 && !topmost(dir) {
		return fault(func() error {
			return fmt.Errorf("%s contains other processes (%s), but the kernel allows limits below a group only while the group contains none (\"no internal processes\", cgroups(7)); to get a group for tincan alone: %s",
				dir, strings.Join(others, ", "), toGetGroup())
		})
	}
	g.v2, g.delegated, g.leaf = true, true, own && self && !topmost(dir)
	g.parents = list(groupParent{dir: dir})
	return nil
}

// members lists the processes in a group, except the launcher itself.
func members(dir string) (others []string, self bool, err error) {
	file := text(dir, "/cgroup.procs")
	all, e := readFile(file)
	if e != 0 {
		return nil, false, failedCall("open", file, "O_RDONLY", e)
	}
	own := decimal(sysGetpid())
	for pid, rest := field(all); pid != ""; pid, rest = field(rest) {
		if pid == own {
			self = true
			continue
		}
		comm, _ := readFile(text("/proc/", pid, "/comm"))
		if others = add(others, trimmed(text(pid, " ", comm))); len(others) == 5 {
			return add(others, "..."), self, nil
		}
	}
	return others, self, nil
}

// leafDir returns the group in which the launcher stays while the container runs. home is the
// group that it came from.
func leafDir(home string) string { return text(home, "/tincan-launcher-", decimal(sysGetpid())) }

// stepAside returns the steps with which the launcher leaves its group.
func (g *group) stepAside() []*step {
	if !g.leaf {
		return nil
	}
	leaf := text(g.parents[0].dir, "/tincan-launcher-PID")
	return list(
		hostStep(makesLeaf, "mkdir", shown(leaf, showQuoted), shown("0755", showText)).
			because("a group for the launcher: the kernel allows limits only below a group that contains no process"),
		hostWrite(inLeaf, "cgroup.procs", text(leaf, "/cgroup.procs"), "0").
			because("0 means the process that writes: the launcher moves there, and moves back at the end"),
	)
}

// makeLeaf makes the launcher's own group.
func (l *launch) makeLeaf() error {
	home := l.c.group.parents[0].dir
	leaf := leafDir(home)
	if err := l.ledger.noteLeaf(leaf, home); err != nil {
		return err
	}
	if e := sysMkdir(leaf, 0o755); e != 0 && e != unix.EEXIST {
		return failedCall("mkdir", leaf, "0755", e)
	}
	return nil
}

// comeHome undoes stepAside when the container's group is gone. It disables the controllers
// again, because no process may enter a group that enables controllers for its child groups. If
// another run has a group there by now, nothing is changed, and a later run cleans up.
func comeHome(home string) error {
	all, e := names(unix.AT_FDCWD, home, math.MaxInt)
	if e != 0 {
		return failedCall("open", home, "O_RDONLY|O_DIRECTORY", e)
	}
	leaf := leafDir(home)
	for _, n := range all {
		var st unix.Stat_t
		if dir := text(home, "/", n); dir != leaf && sysLstat(dir, &st) == 0 && isDir(&st) {
			return nil
		}
	}
	file := text(home, "/cgroup.subtree_control")
	enabled, e := readFile(file)
	if e != 0 {
		return failedCall("open", file, "O_RDONLY", e)
	}
	if have := fields(enabled); len(have) > 0 {
		if e := writeFile(file, text("-", join(have, " -"))); e != 0 {
			return failedCall("write", file, "", e)
		}
	}
	procs := text(home, "/cgroup.procs")
	if e := writeFile(procs, "0"); e != 0 {
		return failedCall("write", procs, "\"0\"", e)
	}
	return nil
}

// userGroup is findGroup for a user who is not root. If there is no group, a limit that the user
// asked for is an error, and the default limits are replaced by those of setrlimit(2).
func userGroup(name string, l *limits) (group, error) {
	g := group{name: name, keep: systemdRuns()}
	err := g.findDelegated(required[:2])
	if err == nil {
		have, _ := v2Controllers(g.parents[0].dir)
		err = g.planV2(l, have)
		return g, err
	}
	if asked := l.asked(); len(asked) > 0 {
		return g, fault(func() error {
			return fmt.Errorf("%s: there is no resource group for this limit: %w", strings.Join(asked, ", "), err)
		})
	}
	return group{none: true, lacks: err}, nil
}

// standIn returns limits of a process that replace those of a group. They are not equivalent:
// memory is counted per process, and processes per user id.
func (g *group) standIn() []rlimit {
	if g.lacks == nil {
		return nil
	}
	var out []rlimit
	for _, r := range [...]rlimit{{unix.RLIMIT_DATA, 1 << 30, 1 << 30}, {unix.RLIMIT_NPROC, 64, 64}} {
		var now unix.Rlimit
		if sysGetrlimit(r.resource, &now) == 0 {
			r.cur, r.max = min(r.cur, now.Max), min(r.max, now.Max)
		}
		out = add(out, r)
	}
	return out
}

// standInText says which limits are in force instead. It is a single line, because every run
// prints it.
func standInText(rlimits []rlimit) string {
	var have []string
	for _, r := range rlimits {
		value := "max"
		if r.cur != math.MaxUint64 {
			value = sizeText(unsigned(r.cur))
		}
		switch r.resource {
		case unix.RLIMIT_DATA:
			have = add(have, text("data=", value))
		case unix.RLIMIT_NPROC:
			have = add(have, text("nproc=", value))
		}
	}
	return text("no resource group, so only process limits hold (", join(have, ", "), "): see 'tincan check'; --no-cgroup silences this")
}

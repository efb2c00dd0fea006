// Chapter 14, for version 1: one hierarchy for each controller.
//
// cgroups(7), Documentation/admin-guide/cgroup-v1/, /proc/PID/cgroup, proc_pid_mountinfo(5).
//
// The group's directories are made below the caller's own groups, whose limits apply to the
// container too. The child writes itself into each of them.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// v1Planner holds what planV1 needs.
type v1Planner struct {
	g      *group
	mounts v1Hierarchies
	own    groupPaths
}

// dir returns the caller's own group for a controller.
func (p *v1Planner) dir(controller string) string {
	return p.mounts.of(controller).dir(p.own.of(controller))
}

// use makes sure that the group is made in the controller's hierarchy too.
func (p *v1Planner) use(controller string) {
	p.g.parents = add(p.g.parents, groupParent{controller, p.dir(controller), p.own.together(controller)})
}

func (p *v1Planner) add(controller, file, value, flag string, why string) {
	p.g.files = add(p.g.files, groupFile{controller, file, value, flag, false, why})
}

// v1Limit returns a limit as version 1 writes it.
func v1Limit(l *limit) string {
	if l.max {
		return "-1"
	}
	return l.text()
}

// planV1 plans the files of version 1 for the limits, below the caller's own groups.
func (g *group) planV1(l *limits, mounts v1Hierarchies, own groupPaths) error {
	p := v1Planner{g, mounts, own}
	p.use("memory")
	p.add("memory", "memory.limit_in_bytes", v1Limit(&l.memory), "--memory", "limits the memory of all processes together; beyond it the kernel kills them")
	both := l.memory
	both.value += l.swap.value
	both.max = l.memory.max || l.swap.max
	const memsw = "memory.memsw.limit_in_bytes"
	switch {
	case exists(text(p.dir("memory"), "/", memsw)):
		p.add("memory", memsw, v1Limit(&both), "--swap", "limits memory and swap together")
	case l.swap.asked:
		return fault(func() error {
			return fmt.Errorf("--swap: this kernel's memory controller has no %s: boot with swapaccount=1", memsw)
		})
	default:
		g.absent = add(g.absent, text("--swap: the default ", l.swap.text(), " is not set: this kernel's memory controller has no ", memsw))
	}
	if !l.memory.max { // on version 2 this is part of the memory
		g.files = add(g.files, groupFile{"memory", "memory.kmem.tcp.limit_in_bytes", v1Limit(&l.memory), "--memory", true, "the memory of TCP sockets is counted separately, and otherwise has no limit"})
	}
	p.use("pids")
	p.add("pids", "pids.max", l.pids.text(), "--pids", "stops fork bombs")
	p.use("cpu")
	p.add("cpu", "cpu.shares", unsigned(max(2, l.cpuWeight.value*1024/100)), "--cpu-weight", "a quarter of the processor time of other groups, when processors are busy")
	if l.cpus.asked && !l.cpus.max {
		p.add("cpu", "cpu.cfs_period_us", unsigned(cpuPeriod), "--cpus", "the period for the next line: a tenth of a second")
		p.add("cpu", "cpu.cfs_quota_us", unsigned(l.cpus.value*cpuPeriod/1000), "--cpus", "limits the processor time in each tenth of a second")
	}
	p.setOthers()
	// Version 1's weights range from 10 to 1000, and other groups have 500.
	weight := unsigned(min(1000, max(10, l.ioWeight.value*5)))
	if mounts.of("blkio") != nil {
		for _, file := range [...]string{"blkio.weight", "blkio.bfq.weight"} {
			if exists(text(p.dir("blkio"), "/", file)) {
				p.use("blkio")
				p.add("blkio", file, weight, "--io-weight", "a tenth of the disk time of other groups, when the disk is busy")
				return nil
			}
		}
	}
	if l.ioWeight.asked {
		return fault(func() error { return noFile("--io-weight", "blkio", "blkio.weight or blkio.bfq.weight") })
	}
	g.absent = add(g.absent, text("--io-weight: the default ", l.ioWeight.text(), " is not set: this kernel's blkio controller has no file for weights"))
	return nil
}

// v1Mount is a mounted version 1 hierarchy, and the group at the root of the mount. The root is
// not "/" in a container that sees only its own groups.
type v1Mount struct {
	options     string // the controllers and other options, separated by commas
	point, root string
}

// dir returns the directory of the group that /proc/self/cgroup calls own.
func (m *v1Mount) dir(own string) string {
	if rest, is := cutPrefix(own, m.root); is && m.root != "/" {
		own = rest
	}
	return cleanPath(text(m.point, "/", own))
}

// v1Hierarchies are the mounts of version 1.
type v1Hierarchies []v1Mount

// of returns the mount of a controller's hierarchy, or nil. If there are several, the last one
// covers the others.
func (all v1Hierarchies) of(controller string) *v1Mount {
	for i := len(all) - 1; i >= 0; i-- {
		if listed(all[i].options, controller) {
			return &all[i]
		}
	}
	return nil
}

// listed reports whether a list of words, separated by commas, contains the word.
func listed(words, word string) bool {
	for more := true; more; {
		var w string
		if w, words, more = cut(words, ","); w == word {
			return true
		}
	}
	return false
}

// v1Mounts returns the mounted hierarchies of version 1.
func v1Mounts() (v1Hierarchies, error) {
	content, err := readMounts("self")
	var out v1Hierarchies
	for m := one[mountLine](); m.next(&content); {
		if m.fstype == "cgroup" {
			out = add(out, v1Mount{m.super, m.point, m.root})
		}
	}
	return out, err
}

// usedV1 lists the controllers of version 1 that tincan uses if they exist.
var usedV1 = [...]string{"memory", "pids", "cpu", "cpuset", "cpuacct", "blkio"}

// usualMounts returns the hierarchies of the used controllers, if each of them is mounted with its
// topmost group at its usual place, the names of its controllers below cgroupRoot. Otherwise, as in
// another container, it returns nil. Asking for these places takes less time than reading
// mountinfo, which is as long as the host has mounts.
func usualMounts(own groupPaths) v1Hierarchies {
	const topmostInode = 1 // of the first node of a hierarchy (fs/kernfs/dir.c, kernfs_create_root)
	all := v1Hierarchies(grow([]v1Mount(nil), len(usedV1)))
	for _, controller := range usedV1 {
		together := own.together(controller)
		if all.of(controller) != nil || !own.have(controller) {
			continue
		}
		var st unix.Stat_t
		point := text(cgroupRoot, "/", together)
		if sysStat(point, &st) != 0 || st.Ino != topmostInode {
			return nil
		}
		all = add(all, v1Mount{together, point, "/"})
	}
	return all
}

// groupPath is the group of a process in the hierarchy of these controllers. Version 2's
// hierarchy has the controllers "".
type groupPath struct{ controllers, path string }

type groupPaths []groupPath

// of returns the caller's own group for a controller, or "".
func (all groupPaths) of(controller string) string {
	for i := range all {
		if listed(all[i].controllers, controller) {
			return all[i].path
		}
	}
	return ""
}

// together returns all controllers of a controller's hierarchy.
func (all groupPaths) together(controller string) string {
	for i := range all {
		if listed(all[i].controllers, controller) {
			return all[i].controllers
		}
	}
	return controller
}

// have reports whether a controller has a hierarchy of version 1.
func (all groupPaths) have(controller string) bool {
	for i := range all {
		if listed(all[i].controllers, controller) {
			return true
		}
	}
	return false
}

// seenGroups mounts the container's own groups below /sys/fs/cgroup, under the names where
// programs look for them: a Java machine finds its limits there. The cgroup namespace has these
// groups as its roots.
func seenGroups(g *group) []*step {
	const attr = unix.MOUNT_ATTR_RDONLY | plainFlags
	steps := list(mount("tmpfs", workshop, "tmpfs", plainFlags, "mode=0755").because("a directory for each hierarchy of groups"))
	for i := range g.parents {
		all := g.parents[i].together
		dir := text(workshop, "/", all)
		steps = add(add(steps, mkdir(dir, 0o755)), mount("cgroup", dir, "cgroup", unix.MS_RDONLY|plainFlags, all).
			because("the container's own group appears as /; it can be read and not changed"))
		for rest, more := all, contains(all, ","); more; {
			var controller string
			controller, rest, more = cut(rest, ",")
			steps = add(steps, symlink(all, text(workshop, "/", controller)))
		}
	}
	for _, file := range g.others {
		dir := text(workshop, "/", before(baseName(file), "."))
		target := text(dir, "/", baseName(file))
		steps = add(add(steps, mkdir(dir, 0o755)), mkfile(target))
		steps = add(steps, mount(hostPath(file), target, "", unix.MS_BIND, "").
			because("a Java machine ignores all limits if a hierarchy is missing; this file belongs to the caller's group, and shows no other group"))
	}
	steps = add(steps, mountSetattr(workshop, unix.AT_RECURSIVE, attr))
	return addAll(steps, movedTo("/sys/fs/cgroup", attr, "moves them to their place"))
}

// otherFiles lists one file of each hierarchy that programs look for but the container has no
// group in.
var otherFiles = [...]string{"cpuset.cpus", "cpuacct.usage"}

// setOthers lists the ones that exist.
func (p *v1Planner) setOthers() {
	for _, file := range otherFiles {
		controller := before(file, ".")
		own := false
		for i := range p.g.parents {
			own = own || listed(p.g.parents[i].together, controller)
		}
		if !own && p.mounts.of(controller) != nil && exists(text(p.dir(controller), "/", file)) {
			p.g.others = add(p.g.others, text(p.dir(controller), "/", file))
		}
	}
}

// before returns the part before a separator, or all of s.
func before(s, at string) string {
	s, _, _ = cut(s, at)
	return s
}

// ownGroups returns the launcher's group for each controller (cgroups(7), /proc/PID/cgroup).
func ownGroups() (groupPaths, error) {
	const file = "/proc/self/cgroup"
	content, e := readFile(file)
	if e != 0 {
		return nil, failedCall("open", file, "O_RDONLY", e)
	}
	var out groupPaths
	for rest := content; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		_, line, _ = cut(line, ":")
		if controllers, path, is := cut(line, ":"); is {
			out = add(out, groupPath{controllers, path})
		}
	}
	return out, nil
}

// joinGroups returns the steps with which the child enters its groups on version 1, and a cgroup
// namespace that has them as its roots. On version 2, clone3 does both. The file is tasks and
// not cgroup.procs: for a process with one thread it has the same effect, and a thread that
// moves itself need not wait until all processors have passed through the scheduler
// (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
func joinGroups(g *group, fds []int) []*step {
	if g.version() != 1 {
		return nil
	}
	var steps []*step
	for i := range g.parents {
		controller := g.parents[i].controller
		steps = add(steps, writeBytes(fd(fds[i], upper(controller)), "0").
			because("0 means the process that writes: it enters the group"))
	}
	return add(steps, unshare(unix.CLONE_NEWCGROUP).
		because("made only now, so that the container's groups are the roots of the namespace"))
}

// upper does what strings.ToUpper does, for ASCII letters.
func upper(s string) string {
	b := space(len(s) + 1)
	for i := 0; i < len(s); i++ {
		if b[i] = s[i]; b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return stringOf(b[:len(s)])
}

// Chapter 14, first half: the resource group.
//
// cgroups(7), Documentation/admin-guide/cgroup-v2.rst, and for version 1
// Documentation/admin-guide/cgroup-v1/{memory,pids,blkio-controller}.rst.
//
// A group is a directory, and a limit is a file in it: writing the file sets the limit. On
// version 2 there is one directory for all controllers, and the clone puts the child into it. On
// version 1 there is one directory for each controller, below the caller's own group, and the
// child writes itself into each of them. The limits are written before the child exists. The
// launcher stays outside of the group, so that its memory is not counted as the container's.
//
// Differs from the tutorial: a limit that cannot be set is an error (on a host with version 1,
// the tutorial ran the command without any limits); weights are converted between the scales of
// the two versions; swap is limited; no other run uses the group's name; the group is removed in
// every case.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where control groups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// groupFile is the file of one limit.
type groupFile struct {
	dir      string // the controller's directory on version 1; "" on version 2
	file     string
	text     string
	flag     string // the flag that set it
	optional bool   // a default limit, for which some kernels have no file
	why      string
}

// group is the resource group: its directories and files.
type group struct {
	none      bool
	lacks     error // why there is no group, if the user did not ask for that
	v2        bool
	delegated bool // it is below a group that is not the machine's topmost group
	leaf      bool // the launcher must leave that group first (cgroupdelegate.go)
	keep      bool // a second group keeps the limits in force (cgroupsystemd.go)
	name      string
	parents   []groupParent
	files     []groupFile
	others    []string // on version 1: files of hierarchies in which the container has no group
	absent    []string // default limits for which this kernel has no file

	controllers []string // the controllers of version 2 that have limits
}

// groupParent is a directory in which the group's directory is made.
type groupParent struct {
	controller string // "" on version 2
	dir        string
	together   string // on version 1: all controllers of its hierarchy, separated by commas
}

// version returns 1 or 2, or 0 if there is no group.
func (g *group) version() int {
	switch {
	case g.none:
		return 0
	case g.v2:
		return 2
	}
	return 1
}

// dirs returns the group's directories, one for each parent. name is the group's name.
func (g *group) dirs(name string) []string {
	var out []string
	for i := range g.parents {
		out = add(out, text(g.parents[i].dir, "/", name))
	}
	return out
}

// required lists the controllers that every run needs, except with --no-cgroup, which asks for
// no limits.
var required = [...]string{"memory", "pids", "cpu"}

// limiting lists the controllers of version 2 that tincan has limits for.
var limiting = [...]string{"memory", "pids", "cpu", "io"}

// findGroup finds out what this host offers, and plans the group.
func findGroup(name string, l *limits) (group, error) {
	g := group{name: name}
	if controllers, is := v2Controllers(cgroupRoot); is && hasAll(controllers, required[:]) {
		g.v2, g.keep = true, systemdRuns()
		g.parents = list(groupParent{dir: cgroupRoot})
		if !topmost(cgroupRoot) { // inside another container
			if err := g.findDelegated(required[:]); err != nil {
				return g, fault(func() error {
					return fmt.Errorf("there is no usable control group: %w; to run without limits: --no-cgroup", err)
				})
			}
		} else if g.keep {
			g.findOwnUnit()
		}
		controllers, _ = v2Controllers(g.parents[0].dir)
		err := g.planV2(l, controllers)
		return g, err
	}
	own, err := ownGroups()
	if err != nil {
		return g, err
	}
	mounts := usualMounts(own)
	if mounts == nil {
		if mounts, err = v1Mounts(); err != nil {
			return g, err
		}
	}
	for _, controller := range required {
		if mounts.of(controller) == nil {
			return g, fault(func() error {
				return fmt.Errorf("there is no usable control group: %s is neither in %s/cgroup.controllers (version 2) nor mounted as version 1; "+
					"mount version 2 (mount -t cgroup2 cgroup2 %s), enable the controller on the kernel's command line (cgroup_enable=%s), or run without limits: --no-cgroup",
					controller, cgroupRoot, cgroupRoot, controller)
			})
		}
	}
	err = g.planV1(l, mounts, own)
	return g, err
}

func hasAll(have, want []string) bool {
	for _, w := range want {
		if !has(have, w) {
			return false
		}
	}
	return true
}

// v2Controllers returns the controllers that the version 2 hierarchy at dir offers. is is false
// if there is no such hierarchy.
func v2Controllers(dir string) (controllers []string, is bool) {
	var st unix.Statfs_t
	if sysStatfs(dir, &st) != 0 || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, false
	}
	all, e := readFile(text(dir, "/cgroup.controllers"))
	return fields(all), e == 0
}

// planV2 plans the files of version 2 for the limits.
func (g *group) planV2(l *limits, controllers []string) error {
	for _, c := range limiting {
		if has(controllers, c) {
			g.controllers = add(g.controllers, c)
		}
	}
	g.files = list(
		groupFile{"", "memory.max", l.memory.text(), "--memory", false, "limits the memory of all processes together; beyond it the kernel kills them"},
		groupFile{"", "memory.swap.max", l.swap.text(), "--swap", !l.swap.asked, "limits the swap used in addition to memory: without this, the memory limit would have no effect"},
		groupFile{"", "memory.oom.group", "1", "--memory", true, "when memory runs out, the kernel kills the whole container and not a random process"},
		groupFile{"", "pids.max", l.pids.text(), "--pids", false, "stops fork bombs"},
	)
	switch {
	case has(controllers, "cpu"):
		g.files = add(g.files, groupFile{"", "cpu.weight", l.cpuWeight.text(), "--cpu-weight", false, "a quarter of the processor time of other groups, when processors are busy"})
	case l.cpuWeight.asked || l.cpus.asked && !l.cpus.max:
		return fault(func() error {
			return fmt.Errorf("--cpu-weight, --cpus: the cpu controller is not delegated to this user; to have it: %s", toGetController(g.parents[0].dir, "cpu"))
		})
	default:
		g.absent = add(g.absent, text("--cpu-weight: the default ", l.cpuWeight.text(), " is not set: the cpu controller is not delegated to this user"))
	}
	if l.cpus.asked && !l.cpus.max {
		g.files = add(g.files, groupFile{"", "cpu.max", text(unsigned(l.cpus.value*cpuPeriod/1000), " ", unsigned(cpuPeriod)), "--cpus", false, "limits the processor time in each tenth of a second"})
	}
	switch {
	case has(controllers, "io"):
		g.files = add(g.files, groupFile{"", "io.weight", text("default ", l.ioWeight.text()), "--io-weight", !l.ioWeight.asked, "a tenth of the disk time of other groups, when the disk is busy"})
	case l.ioWeight.asked && g.delegated:
		return fault(func() error {
			return fmt.Errorf("--io-weight: the io controller is not delegated to this user; to have it: %s", toGetController(g.parents[0].dir, "io"))
		})
	case l.ioWeight.asked:
		return fault(func() error { return noFile("--io-weight", "io", "io.weight") })
	case g.delegated:
		g.absent = add(g.absent, text("--io-weight: the default ", l.ioWeight.text(), " is not set: the io controller is not delegated to this user"))
	}
	return nil
}

const cpuPeriod = 100000 // in microseconds; the kernel's default for cpu.max and cpu.cfs_period_us

// noFile returns the error for a limit whose file this kernel does not have.
func noFile(flag, controller, file string) error {
	return fmt.Errorf("%s: this kernel's %s controller has no %s; "+
		"it needs an I/O scheduler that has weights (echo bfq > /sys/block/DISK/queue/scheduler); without the flag, tincan does not set the default", flag, controller, file)
}

// resources returns the launcher's steps before the clone.
func resources(g *group) []*step {
	if g.none {
		return nil
	}
	steps := g.stepAside()
	made := hostStep(makesGroup, "mkdir")
	for i, dir := range g.made(g.name) {
		if i < len(made.args) {
			made.set(i, shown(dir, showQuoted))
		}
	}
	steps = add(steps, made.because("fails if the name is taken; tincan then chooses another name"))
	if g.v2 {
		steps = addAll(steps, enableControllers(g))
		steps = addAll(steps, g.keepControllers())
	}
	for i := range g.files {
		f := &g.files[i]
		s := hostWrite(inGroup, f.file, text(g.parentOf(f.dir), "/", g.name, "/", f.file), f.text)
		s.controller, s.flag, s.optional = f.dir, f.flag, f.optional
		steps = add(steps, s.because(f.why).hinted(hintGroup))
	}
	return steps
}

// absentText returns the remark about a default limit that is not set.
func absentText(s *step) string {
	return text(s.flag, ": the default ", s.text, " is not set: this kernel has no ", s.file)
}

// pathOf returns the file that a step writes in a group. name is the name of the container's
// group, which may differ from the planned one.
func (g *group) pathOf(s *step, name string) string {
	switch s.where {
	case inGroup:
		return text(g.parentOf(s.controller), "/", name, "/", s.file)
	case inKeeper:
		return text(g.keeperDir(name), "/", s.file)
	}
	return text(leafDir(g.parents[0].dir), "/", s.file)
}

// parentOf returns the directory in which the group of a controller is made, or "".
func (g *group) parentOf(controller string) string {
	for i := range g.parents {
		if g.parents[i].controller == controller {
			return g.parents[i].dir
		}
	}
	return ""
}

// enableControllers makes the controllers' files available in the group. Only controllers that
// are not enabled yet are written.
func enableControllers(g *group) []*step {
	dir := g.parents[0].dir
	file := text(dir, "/cgroup.subtree_control")
	now, _ := readFile(file)
	enabled := fields(now)
	have, _ := v2Controllers(dir)
	var missing []string
	for _, c := range limiting {
		if has(have, c) && !has(enabled, c) {
			missing = add(missing, text("+", c))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return list(hostWrite(anywhere, file, file, join(missing, " ")).
		because("a group has only the controllers that the group above it enables").hinted(hintSubtree))
}

func hintSubtree(e unix.Errno) string {
	if e == unix.EBUSY {
		return "a process has entered this group at the same time (\"no internal processes\", cgroups(7)); " +
			"move it to a group of its own, or run without limits: --no-cgroup"
	}
	return hintGroup(e)
}

// hintGroup returns the hint for a failed change of the groups.
func hintGroup(e unix.Errno) string {
	switch e {
	case unix.EROFS, unix.EACCES, unix.EPERM:
		return "control groups cannot be changed here, as is usual inside another container; --no-cgroup runs without limits"
	case unix.ENOENT:
		return "the controller is not enabled for this group, or the kernel has no such file; --no-cgroup runs without limits"
	}
	return ""
}

// Chapter 14, first half: the resource group.
//
// cgroups(7), Documentation/admin-guide/cgroup-v2.rst, and for version 1
// Documentation/admin-guide/cgroup-v1/{memory,pids,blkio-controller}.rst.
//
// A group is a directory, a limit is a file in it, and to set it is to write the
// file. On version 2 there is one directory for all controllers, and the clone puts
// the child into it; on version 1 there is one directory for each controller, below
// the caller's own group, and the child writes itself into each. Limits are written
// before the child is there, and the launcher stays outside: its memory is not the
// container's.
//
// Differs from the tutorial: a limit that cannot be set is an error (there, on a
// host with version 1, the command ran with no limits at all); weights are
// converted between the versions' scales; swap is limited; the group's name is
// nobody else's, and it goes away on every path.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// groupFile is one limit as a file.
type groupFile struct {
	dir      string // the controller's directory on version 1, "" on 2
	file     string
	text     string
	flag     string // the flag that set it
	optional bool   // a default that some kernels have no file for
	why      string
}

// group is the resource group: which directories, which files.
type group struct {
	none      bool
	lacks     error // why there is none although none was not asked for
	v2        bool
	delegated bool // below a group that is not the machine's topmost
	leaf      bool // the launcher must leave that group first (cgroupdelegate.go)
	keep      bool // another group sees to it that the limits stay (cgroupsystemd.go)
	name      string
	parents   []groupParent
	files     []groupFile
	others    []string // on version 1: files of hierarchies in which there is no group
	absent    []string // defaults that this kernel has no file for

	controllers []string // of version 2, those with limits
}

// groupParent is a directory that the group's directory is made in.
type groupParent struct {
	controller string // "" on version 2
	dir        string
	together   string // on version 1: all controllers of its hierarchy, with commas between them
}

// version is 0 for no group.
func (g *group) version() int {
	switch {
	case g.none:
		return 0
	case g.v2:
		return 2
	}
	return 1
}

// dirs are the group's directories, one for each parent. name is the group's.
func (g *group) dirs(name string) []string {
	var out []string
	for i := range g.parents {
		out = add(out, text(g.parents[i].dir, "/", name))
	}
	return out
}

// required are the controllers that no run goes without: --no-cgroup is the way to say that
// limits are not wanted.
var required = [...]string{"memory", "pids", "cpu"}

// limiting are version 2's controllers that there are limits of.
var limiting = [...]string{"memory", "pids", "cpu", "io"}

// findGroup looks at what this host has, and plans the group.
func findGroup(name string, l *limits) (group, error) {
	g := group{name: name}
	if controllers, is := v2Controllers(cgroupRoot); is && hasAll(controllers, required[:]) {
		g.v2, g.keep = true, systemdRuns()
		g.parents = list(groupParent{dir: cgroupRoot})
		if !topmost(cgroupRoot) { // inside another container
			if err := g.findDelegated(required[:]); err != nil {
				return g, fault(func() error {
					return fmt.Errorf("no usable control group: %w; or run without limits: --no-cgroup", err)
				})
			}
		} else if g.keep {
			g.findOwnUnit()
		}
		controllers, _ = v2Controllers(g.parents[0].dir)
		err := g.planV2(l, controllers)
		return g, err
	}
	mounts, err := v1Mounts()
	if err != nil {
		return g, err
	}
	for _, controller := range required {
		if mounts.of(controller) == nil {
			return g, fault(func() error {
				return fmt.Errorf("no usable control group: %s is neither in %s/cgroup.controllers (version 2) nor mounted as version 1; "+
					"mount version 2 (mount -t cgroup2 cgroup2 %s), enable the controller on the kernel's command line (cgroup_enable=%s), or run without limits: --no-cgroup",
					controller, cgroupRoot, cgroupRoot, controller)
			})
		}
	}
	err = g.planV1(l, mounts)
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

// v2Controllers reads what the version 2 hierarchy at dir offers; is is false if there is
// none.
func v2Controllers(dir string) (controllers []string, is bool) {
	var st unix.Statfs_t
	if sysStatfs(dir, &st) != 0 || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, false
	}
	all, e := readFile(text(dir, "/cgroup.controllers"))
	return fields(all), e == 0
}

// planV2 turns the limits into version 2's files.
func (g *group) planV2(l *limits, controllers []string) error {
	for _, c := range limiting {
		if has(controllers, c) {
			g.controllers = add(g.controllers, c)
		}
	}
	g.files = list(
		groupFile{"", "memory.max", l.memory.text(), "--memory", false, "memory of all processes together; more is out-of-memory"},
		groupFile{"", "memory.swap.max", l.swap.text(), "--swap", !l.swap.asked, "swap beside the memory: none, or the memory limit would be none"},
		groupFile{"", "memory.oom.group", "1", "--memory", true, "out of memory ends the whole container, and not one process at random"},
		groupFile{"", "pids.max", l.pids.text(), "--pids", false, "a fork bomb ends here"},
	)
	switch {
	case has(controllers, "cpu"):
		g.files = add(g.files, groupFile{"", "cpu.weight", l.cpuWeight.text(), "--cpu-weight", false, "a quarter of what others get, when the processor is short"})
	case l.cpuWeight.asked || l.cpus.asked && !l.cpus.max:
		return fault(func() error {
			return fmt.Errorf("--cpu-weight, --cpus: the cpu controller is not delegated to this user; to have it: %s", toGetController(g.parents[0].dir, "cpu"))
		})
	default:
		g.absent = add(g.absent, text("--cpu-weight: the default ", l.cpuWeight.text(), " is left out: the cpu controller is not delegated to this user"))
	}
	if l.cpus.asked && !l.cpus.max {
		g.files = add(g.files, groupFile{"", "cpu.max", text(unsigned(l.cpus.value*cpuPeriod/1000), " ", unsigned(cpuPeriod)), "--cpus", false, "processor time in each tenth of a second"})
	}
	switch {
	case has(controllers, "io"):
		g.files = add(g.files, groupFile{"", "io.weight", text("default ", l.ioWeight.text()), "--io-weight", !l.ioWeight.asked, "a tenth of what others get, when the disk is short"})
	case l.ioWeight.asked && g.delegated:
		return fault(func() error {
			return fmt.Errorf("--io-weight: the io controller is not delegated to this user; to have it: %s", toGetController(g.parents[0].dir, "io"))
		})
	case l.ioWeight.asked:
		return fault(func() error { return noFile("--io-weight", "io", "io.weight") })
	case g.delegated:
		g.absent = add(g.absent, text("--io-weight: the default ", l.ioWeight.text(), " is left out: the io controller is not delegated to this user"))
	}
	return nil
}

const cpuPeriod = 100000 // microseconds: the kernel's default for cpu.max and cpu.cfs_period_us

func noFile(flag, controller, file string) error {
	return fmt.Errorf("%s: this kernel's %s controller has no %s; "+
		"it takes an I/O scheduler with weights (echo bfq > /sys/block/DISK/queue/scheduler); without the flag the default is left out", flag, controller, file)
}

// resources are the host's steps: they come before the clone.
func resources(g *group) []*step {
	if g.none {
		return nil
	}
	steps := g.stepAside()
	made := hostStep(makesGroup, "mkdir", no, no)
	for i, dir := range g.made(g.name) {
		if i < len(made.args) {
			made.set(i, shown(dir, showQuoted))
		}
	}
	steps = add(steps, made.because("made exclusively: if the name is taken, another is found"))
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

// absentText says that a default is left out.
func absentText(s *step) string {
	return text(s.flag, ": the default ", s.text, " is left out: this kernel has no ", s.file)
}

// pathOf is the file that a step writes in a group. name is the container's group's, which
// may be another than planned.
func (g *group) pathOf(s *step, name string) string {
	switch s.where {
	case inGroup:
		return text(g.parentOf(s.controller), "/", name, "/", s.file)
	case inKeeper:
		return text(g.keeperDir(name), "/", s.file)
	}
	return text(leafDir(g.parents[0].dir), "/", s.file)
}

func (g *group) parentOf(controller string) string {
	for i := range g.parents {
		if g.parents[i].controller == controller {
			return g.parents[i].dir
		}
	}
	return ""
}

// enableControllers lets the group have the controllers' files. Only what is not enabled
// yet is written.
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
		because("a group has only the controllers that the one above it enables").hinted(hintSubtree))
}

func hintSubtree(e unix.Errno) string {
	if e == unix.EBUSY {
		return "a process has come into this group meanwhile (\"no internal processes\", cgroups(7)); " +
			"move it to a group of its own, or run without limits: --no-cgroup"
	}
	return hintGroup(e)
}

func hintGroup(e unix.Errno) string {
	switch e {
	case unix.EROFS, unix.EACCES, unix.EPERM:
		return "control groups cannot be changed here, as inside another container; --no-cgroup runs without limits"
	case unix.ENOENT:
		return "the controller is not enabled for this group, or the kernel has no such file; --no-cgroup runs without limits"
	}
	return ""
}

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
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// limit is one value of the resource group.
type limit struct {
	value uint64
	max   bool // no limit
	asked bool // by the user: then it must be set, or the run fails
}

func (l limit) text() string {
	if l.max {
		return "max"
	}
	return strconv.FormatUint(l.value, 10)
}

// limits are what the command line says of the group.
type limits struct {
	memory, swap limit // bytes; swap is beside memory
	pids         limit // processes and threads, the init among them
	cpuWeight    limit // 1 to 10000, 100 is everybody else's
	cpus         limit // thousandths of a processor
	ioWeight     limit // 1 to 10000, 100 is everybody else's
}

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
	absent    []string // defaults that this kernel has no file for

	controllers []string // of version 2, those with limits
}

// groupParent is a directory that the group's directory is made in.
type groupParent struct {
	controller string // "" on version 2
	dir        string
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

// dirs gives the group's directories, one for each parent.
func (g *group) dirs() []string {
	var out []string
	for _, p := range g.parents {
		out = append(out, filepath.Join(p.dir, g.name))
	}
	return out
}

// required are the controllers that no run goes without: --no-cgroup is the way to
// say that limits are not wanted.
var required = []string{"memory", "pids", "cpu"}

// limiting are version 2's controllers that there are limits of.
var limiting = []string{"memory", "pids", "cpu", "io"}

// findGroup looks at what this host has, and plans the group.
func findGroup(name string, l limits) (group, error) {
	g := group{name: name}
	if controllers, ok := v2Controllers(cgroupRoot); ok && containsAll(controllers, required) {
		g.v2, g.keep = true, systemdRuns()
		g.parents = []groupParent{{"", cgroupRoot}}
		if !topmost(cgroupRoot) { // inside another container
			if err := g.findDelegated(required); err != nil {
				return g, fmt.Errorf("no usable control group: %w; or run without limits: --no-cgroup", err)
			}
		} else if g.keep {
			g.findOwnUnit()
		}
		controllers, _ = v2Controllers(g.parents[0].dir)
		return g, g.planV2(l, controllers)
	}
	mounts, err := v1Mounts()
	if err != nil {
		return g, err
	}
	for _, controller := range required {
		if _, ok := mounts[controller]; !ok {
			return g, fmt.Errorf("no usable control group: %s is neither in %s/cgroup.controllers (version 2) nor mounted as version 1; "+
				"mount version 2 (mount -t cgroup2 cgroup2 %s), enable the controller on the kernel's command line (cgroup_enable=%s), or run without limits: --no-cgroup",
				controller, cgroupRoot, cgroupRoot, controller)
		}
	}
	return g, g.planV1(l, mounts)
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		found := false
		for _, h := range have {
			found = found || h == w
		}
		if !found {
			return false
		}
	}
	return true
}

// v2Controllers reads what the version 2 hierarchy at dir offers; ok is false if
// there is none.
func v2Controllers(dir string) (controllers []string, ok bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, false
	}
	text, err := readFile(filepath.Join(dir, "cgroup.controllers"))
	return strings.Fields(text), err == nil
}

// planV2 turns the limits into version 2's files.
func (g *group) planV2(l limits, controllers []string) error {
	for _, c := range limiting {
		if slices.Contains(controllers, c) {
			g.controllers = append(g.controllers, c)
		}
	}
	g.files = []groupFile{
		{"", "memory.max", l.memory.text(), "--memory", false, "memory of all processes together; more is out-of-memory"},
		{"", "memory.oom.group", "1", "--memory", true, "out of memory ends the whole container, and not one process at random"},
		{"", "pids.max", l.pids.text(), "--pids", false, "a fork bomb ends here"},
	}
	switch {
	case slices.Contains(controllers, "cpu"):
		g.files = append(g.files, groupFile{"", "cpu.weight", l.cpuWeight.text(), "--cpu-weight", false, "a quarter of what others get, when the processor is short"})
	case l.cpuWeight.asked || l.cpus.asked && !l.cpus.max:
		return fmt.Errorf("--cpu-weight, --cpus: the cpu controller is not delegated to this user; to have it: %s", toGetController(g.parents[0].dir, "cpu"))
	default:
		g.absent = append(g.absent, fmt.Sprintf("--cpu-weight: the default %s is left out: the cpu controller is not delegated to this user", l.cpuWeight.text()))
	}
	swap := groupFile{"", "memory.swap.max", l.swap.text(), "--swap", !l.swap.asked, "swap beside the memory: none, or the memory limit would be none"}
	g.files = append(g.files[:1], append([]groupFile{swap}, g.files[1:]...)...)
	if l.cpus.asked && !l.cpus.max {
		g.files = append(g.files, groupFile{"", "cpu.max", fmt.Sprintf("%d %d", l.cpus.value*cpuPeriod/1000, cpuPeriod), "--cpus", false, "processor time in each tenth of a second"})
	}
	switch {
	case containsAll(controllers, []string{"io"}):
		g.files = append(g.files, groupFile{"", "io.weight", "default " + l.ioWeight.text(), "--io-weight", !l.ioWeight.asked, "a tenth of what others get, when the disk is short"})
	case l.ioWeight.asked && g.delegated:
		return fmt.Errorf("--io-weight: the io controller is not delegated to this user; to have it: %s", toGetController(g.parents[0].dir, "io"))
	case l.ioWeight.asked:
		return noFile("--io-weight", "io", "io.weight")
	case g.delegated:
		g.absent = append(g.absent, fmt.Sprintf("--io-weight: the default %s is left out: the io controller is not delegated to this user", l.ioWeight.text()))
	}
	return nil
}

const cpuPeriod = 100000 // microseconds: the kernel's default for cpu.max and cpu.cfs_period_us

func noFile(flag, controller, file string) error {
	return fmt.Errorf("%s: this kernel's %s controller has no %s; "+
		"it takes an I/O scheduler with weights (echo bfq > /sys/block/DISK/queue/scheduler); without the flag the default is left out", flag, controller, file)
}

// resources are the host's steps: they come before the clone.
func resources(c *config) []*step {
	g := &c.group
	if g.none {
		return nil
	}
	steps := g.stepAside()
	steps = append(steps, hostStep("mkdir", func(l *launch) error { return l.makeGroup() }, quoteAll(g.made())...).
		because("made exclusively: if the name is taken, another is found"))
	if g.v2 {
		steps = append(steps, enableControllers(g)...)
		steps = append(steps, g.keepControllers()...)
	}
	for _, f := range g.files {
		shown := filepath.Join(g.parentOf(f.dir), g.name, f.file)
		steps = append(steps, hostWrite(shown, f.text, func(l *launch) error {
			// The group's name may be another by now.
			err := writeFile(filepath.Join(g.parentOf(f.dir), g.name, f.file), f.text)
			if f.optional && errors.Is(err, os.ErrNotExist) {
				line := fmt.Sprintf("%s: the default %s is left out: this kernel has no %s", f.flag, f.text, f.file)
				l.c.group.absent = append(l.c.group.absent, line)
				l.log(line)
				return nil
			}
			return err
		}).because(f.why).asFlag(f.flag))
	}
	return steps
}

func (g *group) parentOf(controller string) string {
	for _, p := range g.parents {
		if p.controller == controller {
			return p.dir
		}
	}
	return ""
}

// enableControllers lets the group have the controllers' files. Only what is not
// enabled yet is written.
func enableControllers(g *group) []*step {
	dir := g.parents[0].dir
	file := filepath.Join(dir, "cgroup.subtree_control")
	now, _ := readFile(file)
	enabled := strings.Fields(now)
	have, _ := v2Controllers(dir)
	var missing []string
	for _, c := range limiting {
		if containsAll(have, []string{c}) && !containsAll(enabled, []string{c}) {
			missing = append(missing, "+"+c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	text := strings.Join(missing, " ")
	return []*step{hostWrite(file, text, func(*launch) error { return writeFile(file, text) }).
		because("a group has only the controllers that the one above it enables").hinted(hintSubtree)}
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

// makeGroup makes the group's directories, under another name if the name is taken
// in any of the hierarchies.
func (l *launch) makeGroup() error {
	g := &l.c.group
	first := g.name
	for n := 2; n < 1000; n++ {
		if !anyExists(g.made()) {
			if err := l.ledger.writeGroups("group", g.made()); err != nil {
				return err
			}
			err := g.mkdirs()
			if !errors.Is(err, os.ErrExist) {
				return err
			}
			// Somebody made it just now: it is not ours to remove.
			if err := l.ledger.writeGroups("not", g.made()); err != nil {
				return err
			}
		}
		g.name = fmt.Sprintf("%s.%d", first, n)
	}
	return fmt.Errorf("the group names %s to %s are all taken", first, g.name)
}

func anyExists(files []string) bool {
	for _, f := range files {
		if exists(f) {
			return true
		}
	}
	return false
}

// mkdirs makes all of the directories or none.
func (g *group) mkdirs() error {
	dirs := g.made()
	for i, d := range dirs {
		if err := unix.Mkdir(d, 0o755); err != nil {
			for _, made := range dirs[:i] {
				unix.Rmdir(made)
			}
			return &hostError{call: fmt.Sprintf("mkdir(%s, 0755)", quote(d)), err: err, hint: hintGroup(err.(unix.Errno))}
		}
	}
	return nil
}

// leave is the host's last step: it is shown here and done by the ledger, on every
// path.
func leave(c *config) []*step {
	var steps []*step
	if !c.group.none {
		for _, dir := range c.group.made() {
			steps = append(steps, hostStep("rmdir", nil, quote(dir)).because("the group goes; if processes were left in it, cgroup.kill ends them first"))
		}
		if home := c.group.parents[0].dir; c.group.leaf {
			steps = append(steps,
				hostStep("write", nil, quote(home+"/cgroup.subtree_control"), `"-..."`).because("no group is left that needs the controllers"),
				hostStep("write", nil, quote(home+"/cgroup.procs"), `"0"`).because("the launcher comes back"),
				hostStep("rmdir", nil, quote(home+"/tincan-launcher-PID")).because("its leaf goes"))
		}
	}
	if !c.root.assembled {
		for _, p := range slices.Backward(c.toMake()) {
			call := "rmdir"
			if !p.dir {
				call = "unlink"
			}
			steps = append(steps, hostStep(call, nil, quote(c.root.dir+p.target)).because("a mount point that was made for this run"))
		}
	}
	return steps
}

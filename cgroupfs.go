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
	"math"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// limit is one value of the resource group.
type limit struct {
	value uint64
	max   bool // no limit
	asked bool // by the user: then it must be set, or the run fails
}

func (l *limit) text() string {
	if l.max {
		return "max"
	}
	return unsigned(l.value)
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

// limitKind is the notation of a limit's value.
type limitKind uint8

const (
	isSize limitKind = iota
	isPids
	isWeight
	isCPUs
)

// limitFlags are the flags of the group's limits, with their defaults.
var limitFlags = [...]struct {
	flag, standard string
	kind           limitKind
}{
	{"--memory", "1GiB", isSize},
	{"--swap", "0", isSize},
	{"--pids", "64", isPids},
	{"--cpu-weight", "25", isWeight},
	{"--cpus", "max", isCPUs},
	{"--io-weight", "10", isWeight},
}

// all are the limits in the order of limitFlags.
func (l *limits) all() [len(limitFlags)]*limit {
	return [...]*limit{&l.memory, &l.swap, &l.pids, &l.cpuWeight, &l.cpus, &l.ioWeight}
}

// parse reads a value of the flag number i of limitFlags; "" is the default.
func (v *limit) parse(i int, value string) error {
	row := &limitFlags[i]
	v.asked = value != ""
	if !v.asked {
		value = row.standard
	}
	if v.max = value == "max" && row.kind != isWeight; v.max {
		return nil
	}
	var err error
	switch row.kind {
	case isSize:
		v.value, err = parseSize(value)
	case isPids:
		v.value, err = parsePids(value)
	case isWeight:
		v.value, err = parseWeight(value)
	case isCPUs:
		v.value, err = parseCPUs(value)
	}
	if err != nil {
		return fault(func() error { return fmt.Errorf("%s=%s: %w", row.flag, value, err) })
	}
	return nil
}

// setLimits reads the flags of the resource group, and plans it.
func (c *config) setLimits(f *runFlags) error {
	l := one[limits]()
	all := l.all()
	for i, value := range [...]string{f.Memory, f.Swap, f.Pids, f.CPUWeight, f.CPUs, f.IOWeight} {
		if err := all[i].parse(i, value); err != nil {
			return err
		}
		if f.NoCgroup && all[i].asked {
			return fault(func() error {
				return fmt.Errorf("%s=%s: there is no resource group to set it in with --no-cgroup: leave one of them out", limitFlags[i].flag, value)
			})
		}
	}
	if !l.memory.max && l.memory.value == 0 {
		return fault(func() error { return errors.New("--memory=0: nothing runs in no memory; max lifts the limit") })
	}
	if f.NoCgroup {
		c.group.none = true
		return nil
	}
	var err error
	if c.rootless.on {
		c.group, err = userGroup(c.hostname, l)
	} else {
		c.group, err = findGroup(c.hostname, l)
	}
	return err
}

// asked names the limits that were asked for.
func (l *limits) asked() []string {
	var out []string
	for i, v := range l.all() {
		if v.asked {
			out = add(out, limitFlags[i].flag)
		}
	}
	return out
}

func parsePids(s string) (uint64, error) {
	n, valid := number(s)
	if !valid || n == 0 || n > 4194304 { // PID_MAX_LIMIT, linux/threads.h
		return 0, fault(func() error { return errors.New("not a number of processes: 1 to 4194304, or max") })
	}
	return n, nil
}

func parseWeight(s string) (uint64, error) {
	n, valid := number(s)
	if !valid || n < 1 || n > 10000 {
		return 0, fault(func() error { return errors.New("not a weight: 1 to 10000, where 100 is everybody else's") })
	}
	return n, nil
}

// parseCPUs returns thousandths of a processor. A fraction needs the runtime.
func parseCPUs(s string) (n uint64, err error) {
	if n, valid := number(s); valid && n > 0 && n <= 10000 {
		return n * 1000, nil
	}
	err = fault(func() error {
		v, e := strconv.ParseFloat(s, 64)
		if e != nil || v < 0.01 || v > 10000 || math.IsNaN(v) {
			return errors.New("not a number of processors: 0.01 to 10000, such as 1.5, or max")
		}
		n = uint64(math.Round(v * 1000))
		return nil
	})
	return n, err
}

// findGroup looks at what this host has, and plans the group.
func findGroup(name string, l *limits) (group, error) {
	g := group{name: name}
	if controllers, is := v2Controllers(cgroupRoot); is && hasAll(controllers, required[:]) {
		g.v2, g.keep = true, systemdRuns()
		g.parents = list(groupParent{"", cgroupRoot})
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

// makeGroup makes the group's directories, under another name if the name is taken in any
// of the hierarchies.
func (l *launch) makeGroup() error {
	g, first := &l.c.group, l.c.group.name
	for n := 2; n < 1000; n++ {
		dirs := g.made(l.groupName)
		if err := l.ledger.noteGroups(dirs); err != nil {
			return err
		}
		dir, e := mkdirs(dirs)
		if e == 0 {
			return nil
		}
		// The ones that this run did not make are not its to remove.
		if err := l.ledger.notOurs(dirs); err != nil {
			return err
		}
		if e != unix.EEXIST {
			return failedCall("mkdir", dir, "0755", e).hinted(hintGroup)
		}
		l.groupName = text(first, ".", decimal(n))
	}
	return fault(func() error { return fmt.Errorf("the group names %s to %s are all taken", first, l.groupName) })
}

// mkdirs makes all of the directories or none. It returns the one that cannot be made.
func mkdirs(dirs []string) (string, syscall.Errno) {
	for i, d := range dirs {
		if e := sysMkdir(d, 0o755); e != 0 {
			for _, made := range dirs[:i] {
				sysRmdir(made)
			}
			return d, e
		}
	}
	return "", 0
}

// removeGroup removes a group's directory. Its processes are dead by now, but the kernel
// may take a moment to let go of them. In a group of this run's own whatever is left is
// ended. For a dead run's the wait is short, and what is still busy is left to a later run.
func removeGroup(dir string, own bool) error {
	longest := 1000 // milliseconds
	if !own {
		longest = 30
	}
	for wait := 1; ; wait *= 2 {
		e := sysRmdir(dir)
		if e == 0 || !exists(dir) { // with a read-only cgroupfs rmdir says EROFS of what is not there
			return nil
		}
		if e != unix.EBUSY || wait > longest {
			return failedCall("rmdir", dir, "", e)
		}
		if own {
			writeFile(text(dir, "/cgroup.kill"), "1") // version 1 has no such file
		}
		sysSleep(wait)
	}
}

// leave is the host's last step: it is shown here and done by the ledger, on every path.
// points are the mount points that were made in the root directory.
func leave(g *group, points []mountPoint, rootDir string) []*step {
	var steps []*step
	if !g.none {
		for _, dir := range g.made(g.name) {
			steps = add(steps, hostStep(makesCall, "rmdir", shown(dir, showQuoted), no).because("the group goes; if processes were left in it, cgroup.kill ends them first"))
		}
		if home := g.parents[0].dir; g.leaf {
			steps = add(steps, hostStep(makesCall, "write", shown(text(home, "/cgroup.subtree_control"), showQuoted), shown("-...", showQuoted)).because("no group is left that needs the controllers"))
			steps = add(steps, hostStep(makesCall, "write", shown(text(home, "/cgroup.procs"), showQuoted), shown("0", showQuoted)).because("the launcher comes back"))
			steps = add(steps, hostStep(makesCall, "rmdir", shown(text(home, "/tincan-launcher-PID"), showQuoted), no).because("its leaf goes"))
		}
	}
	for i := len(points) - 1; i >= 0; i-- {
		call := "rmdir"
		if !points[i].dir {
			call = "unlink"
		}
		steps = add(steps, hostStep(makesCall, call, shown(text(rootDir, points[i].target), showQuoted), no).because("a mount point that was made for this run"))
	}
	return steps
}

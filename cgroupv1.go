// Chapter 14, for version 1: one hierarchy for each controller.
//
// cgroups(7), Documentation/admin-guide/cgroup-v1/, /proc/PID/cgroup, proc_pid_mountinfo(5).
//
// The group's directories stand below the caller's own groups, whose limits hold
// for the container too. The child writes itself into each of them.

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// planV1 turns the limits into version 1's files, below the caller's own groups.
func (g *group) planV1(l limits, mounts map[string]v1Mount) error {
	own, err := ownGroups()
	if err != nil {
		return err
	}
	dir := map[string]string{}
	use := func(controller string) string {
		d := mounts[controller].dir(own[controller])
		if dir[controller] == "" {
			dir[controller] = d
			g.parents = append(g.parents, groupParent{controller, d})
		}
		return controller
	}
	unlimited := func(l limit) string {
		if l.max {
			return "-1"
		}
		return l.text()
	}
	add := func(controller, file, text, flag string, optional bool, why string) {
		g.files = append(g.files, groupFile{controller, file, text, flag, optional, why})
	}
	add(use("memory"), "memory.limit_in_bytes", unlimited(l.memory), "--memory", false, "memory of all processes together; more is out-of-memory")
	both := l.memory
	both.value += l.swap.value
	both.max = l.memory.max || l.swap.max
	const memsw = "memory.memsw.limit_in_bytes"
	switch {
	case exists(filepath.Join(dir["memory"], memsw)):
		add("memory", memsw, unlimited(both), "--swap", false, "memory and swap together")
	case l.swap.asked:
		return fmt.Errorf("--swap: this kernel's memory controller has no %s: boot with swapaccount=1", memsw)
	default:
		g.absent = append(g.absent, fmt.Sprintf("--swap: the default %s is left out: this kernel's memory controller has no %s", l.swap.text(), memsw))
	}
	add(use("pids"), "pids.max", l.pids.text(), "--pids", false, "a fork bomb ends here")
	shares := max(2, l.cpuWeight.value*1024/100)
	add(use("cpu"), "cpu.shares", strconv.FormatUint(shares, 10), "--cpu-weight", false, "a quarter of what others get, when the processor is short")
	if l.cpus.asked && !l.cpus.max {
		add("cpu", "cpu.cfs_period_us", strconv.Itoa(cpuPeriod), "--cpus", false, "the tenth of a second that the next line is a part of")
		add("cpu", "cpu.cfs_quota_us", strconv.FormatUint(l.cpus.value*cpuPeriod/1000, 10), "--cpus", false, "processor time in each tenth of a second")
	}
	// Version 1's weights go from 10 to 1000 and 500 is everybody else's.
	weight := strconv.FormatUint(min(1000, max(10, l.ioWeight.value*5)), 10)
	if m, ok := mounts["blkio"]; ok {
		for _, file := range []string{"blkio.weight", "blkio.bfq.weight"} {
			if exists(filepath.Join(m.dir(own["blkio"]), file)) {
				add(use("blkio"), file, weight, "--io-weight", false, "a tenth of what others get, when the disk is short")
				return nil
			}
		}
	}
	if l.ioWeight.asked {
		return noFile("--io-weight", "blkio", "blkio.weight or blkio.bfq.weight")
	}
	g.absent = append(g.absent, fmt.Sprintf("--io-weight: the default %s is left out: this kernel's blkio controller has no file for weights", l.ioWeight.text()))
	return nil
}

// v1Mount is where a version 1 hierarchy is mounted, and which of its groups is
// at the root of the mount: not "/" inside a container with a view of its own.
type v1Mount struct{ point, root string }

// dir is where the group that /proc/self/cgroup calls own stands.
func (m v1Mount) dir(own string) string {
	if rest, ok := strings.CutPrefix(own, m.root); ok && m.root != "/" {
		own = rest
	}
	return filepath.Join(m.point, own)
}

// v1Mounts finds where version 1's controllers are mounted: /proc/self/mountinfo,
// proc_pid_mountinfo(5).
func v1Mounts() (map[string]v1Mount, error) {
	text, err := readFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	out := map[string]v1Mount{}
	for line := range strings.SplitSeq(text, "\n") {
		before, after, ok := strings.Cut(line, " - ")
		f, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(super) < 3 || super[0] != "cgroup" {
			continue
		}
		for option := range strings.SplitSeq(super[2], ",") {
			out[option] = v1Mount{point: unescapeMount(f[4]), root: unescapeMount(f[3])}
		}
	}
	return out, nil
}

// unescapeMount undoes mountinfo's octal escapes of blanks.
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// ownGroups reads which group the launcher is in, for each controller; "" is the
// one of version 2 (cgroups(7), /proc/PID/cgroup).
func ownGroups() (map[string]string, error) {
	text, err := readFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if parts := strings.SplitN(line, ":", 3); len(parts) == 3 {
			for controller := range strings.SplitSeq(parts[1], ",") {
				out[controller] = parts[2]
			}
		}
	}
	return out, nil
}

// join is how the child gets into its groups on version 1, and into a cgroup
// namespace rooted there. On version 2 clone3 has done both. The file is tasks and not
// cgroup.procs: of a process with one thread it moves the same, and a thread that moves
// itself need not wait until the whole machine has passed through its scheduler
// (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
func join(c *config) []*step {
	if c.group.version() != 1 {
		return nil
	}
	var steps []*step
	for i, p := range c.group.parents {
		steps = append(steps, writeBytes(fd(c.fds.group[i], strings.ToUpper(p.controller)), "0").
			because("0 is the process that writes: into the group of "+p.controller))
	}
	return append(steps, unshare(unix.CLONE_NEWCGROUP).
		because("only now, so that the namespace is rooted at the container's groups"))
}

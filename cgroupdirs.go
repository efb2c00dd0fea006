// Chapter 14: the group's directories, made and removed.
//
// mkdir(2), rmdir(2), cgroups(7).
//
// Differs from the tutorial: if a name is taken, another one is chosen, since the group may
// belong to someone else; what was made is removed in every case (ledger.go).

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// makeGroup makes the group's directories. It chooses another name if the name is taken in one
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
		// This run must not remove directories that it has not made.
		if err := l.ledger.notOurs(dirs); err != nil {
			return err
		}
		if e != unix.EEXIST {
			return failedCall("mkdir", dir, "0755", e).hinted(hintGroup)
		}
		l.groupName = text(first, ".", decimal(n))
	}
	return fault(func() error { return fmt.Errorf("all group names from %s to %s are taken", first, l.groupName) })
}

// mkdirs makes all of the directories or none. If it fails, it returns the directory that cannot
// be made.
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

// removeGroup removes a group's directory. Its processes are dead by now, but the kernel may
// take a moment to release them. In a group of this run, processes that are left are killed. For
// a group of a dead run the wait is short, and a group that is still busy is left to a later
// run.
func removeGroup(dir string, own bool) error {
	longest := 1000 // milliseconds
	if !own {
		longest = 30
	}
	for wait := 1; ; wait *= 2 {
		e := sysRmdir(dir)
		if e == 0 || !exists(dir) { // on a read-only cgroupfs, rmdir returns EROFS even if the directory does not exist
			return nil
		}
		if e != unix.EBUSY || wait > longest {
			return failedCall("rmdir", dir, "", e)
		}
		if own {
			writeFile(text(dir, "/cgroup.kill"), "1") // version 1 does not have this file
		}
		sysSleep(wait)
	}
}

// leave returns the launcher's last steps. They are shown in the plan; the ledger makes them, in
// every case. points are the mount points that were made in the root directory.
func leave(g *group, points []mountPoint, rootDir string) []*step {
	var steps []*step
	if !g.none {
		for _, dir := range g.made(g.name) {
			steps = add(steps, hostStep(makesCall, "rmdir", shown(dir, showQuoted)).because("removes the group; if processes are left in it, cgroup.kill ends them first"))
		}
		if home := g.parents[0].dir; g.leaf {
			steps = add(steps, hostStep(makesCall, "write", shown(text(home, "/cgroup.subtree_control"), showQuoted), shown("-...", showQuoted)).because("disables the controllers, which no group needs any more"))
			steps = add(steps, hostStep(makesCall, "write", shown(text(home, "/cgroup.procs"), showQuoted), shown("0", showQuoted)).because("the launcher moves back"))
			steps = add(steps, hostStep(makesCall, "rmdir", shown(text(home, "/tincan-launcher-PID"), showQuoted)).because("removes the launcher's group"))
		}
	}
	for i := len(points) - 1; i >= 0; i-- {
		call := "rmdir"
		if !points[i].dir {
			call = "unlink"
		}
		steps = add(steps, hostStep(makesCall, call, shown(text(rootDir, points[i].target), showQuoted)).because("removes a mount point that was made for this run"))
	}
	return steps
}

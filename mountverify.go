// Chapter 10, afterwards: is everything where it should be?
//
// proc_pid_mountinfo(5).
//
// A root directory that others can write may be changed while it is mounted: a
// mount point renamed, a symlink put in its place. The mount then stands elsewhere
// in the container, and never outside it; but /proc would be without its masks at
// the place where programs look. So the launcher looks before it lets the child go
// on: the child waits for the maps of ids, with all mounts made.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// verifyMounts compares the plan's mounts with those that the kernel shows.
func (l *launch) verifyMounts() error {
	file := text("/proc/", decimal(l.pid), "/mountinfo")
	all, err := mountsIn(file)
	if err != nil {
		return err
	}
	pivoted := false
	for _, s := range l.plan {
		pivoted = pivoted || s.kind == pivots
		if !pivoted || s.kind != makesMount {
			continue
		}
		target, fstype := gostring(s.args[1].p), ""
		if s.args[2].p != nil {
			fstype = gostring(s.args[2].p)
		}
		if mountedAt(all, target, fstype) || s.may == unix.ENOENT && !exists(target) {
			continue // or a mask of something that this kernel does not have
		}
		return fault(func() error {
			return fmt.Errorf("%s was made, but %s shows it elsewhere: somebody changed the root directory %s meanwhile; nothing was run", s, file, l.c.root.dir)
		})
	}
	return nil
}

// mountedAt reports whether there is a mount at target, of the type fstype if that is not
// "".
func mountedAt(all []mountLine, target, fstype string) bool {
	for i := range all {
		if all[i].point == target && (fstype == "" || all[i].fstype == fstype) {
			return true
		}
	}
	return false
}

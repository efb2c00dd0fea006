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
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// verifyMounts compares the plan's mounts with those that the kernel shows.
func (l *launch) verifyMounts() error {
	file := fmt.Sprintf("/proc/%d/mountinfo", l.pid)
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	kinds := map[string]string{} // mount point: types of what is mounted on it
	for line := range strings.SplitSeq(string(b), "\n") {
		before, after, ok := strings.Cut(line, " - ")
		if f := strings.Fields(before); ok && len(f) > 4 {
			kind, _, _ := strings.Cut(after, " ")
			at := unescapeMount(f[4])
			kinds[at] += kind + " "
		}
	}
	pivoted := false
	for i := range l.plan {
		s := &l.plan[i]
		pivoted = pivoted || s.call == "pivot_root"
		if !pivoted || s.actor != child || s.call != "mount" {
			continue
		}
		target, kind := s.args[1].s, s.args[2].s
		have := kinds[target]
		if have == "" && s.may == unix.ENOENT && !exists(target) {
			continue // a mask of something that this kernel does not have
		}
		if have == "" || kind != "" && !strings.Contains(have, kind+" ") {
			return fmt.Errorf("%s was made, but %s shows it elsewhere: somebody changed the root directory %s meanwhile; nothing was run", s, file, l.c.root.dir)
		}
	}
	return nil
}

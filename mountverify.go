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

// wanted is a mount that has to be there.
type wanted struct {
	step   *step
	target string
	fstype string // "" for any
	found  bool
}

// wantedMounts are the plan's mounts in the container's own tree.
func wantedMounts(p plan) []wanted {
	out := grow([]wanted(nil), 64)
	pivoted := false
	for _, s := range p {
		pivoted = pivoted || s.kind == pivots
		if !pivoted || s.kind != makesMount {
			continue
		}
		w := wanted{step: s, target: gostring(s.args[1].p)}
		if s.args[2].p != nil {
			w.fstype = gostring(s.args[2].p)
		}
		out = add(out, w)
	}
	return out
}

// find marks those that a mountinfo's text shows.
func find(all []wanted, content string) {
	for m := one[mountLine](); m.next(&content); {
		for i := range all {
			w := &all[i]
			w.found = w.found || w.target == m.point && (w.fstype == "" || w.fstype == m.fstype)
		}
	}
}

// verifyMounts compares the plan's mounts with those that the kernel shows.
func (l *launch) verifyMounts() error {
	all := wantedMounts(l.plan)
	content, err := readMounts(decimal(l.pid))
	if err != nil {
		return err
	}
	find(all, content)
	for i := range all {
		w := &all[i]
		if w.found || w.step.may == unix.ENOENT && !exists(w.target) {
			continue // or a mask of something that this kernel does not have
		}
		return fault(func() error {
			return fmt.Errorf("%s was made, but /proc/%d/mountinfo shows it elsewhere: somebody changed the root directory %s meanwhile; nothing was run", w.step, l.pid, l.c.root.dir)
		})
	}
	return nil
}

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
	step    *step
	target  string
	fstype  string // "" for any
	options string // of the mount, with blanks between them
	device  string // of an added path: its file system,
	root    string // and what it is called there; "" for any
	found   bool
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
		w := wanted{step: s}
		if s.deed != nil { // a move_mount
			w.target, w.options = s.file, mountOptions(s.attr)
		} else {
			w.target = gostring(s.args[1].p)
			if s.args[2].p != nil {
				w.fstype, w.options = gostring(s.args[2].p), mountOptions(uint64(s.args[3].n)) // MS_ and MOUNT_ATTR_ are the same numbers
			}
		}
		out = add(out, w)
	}
	return out
}

// mountOptions are the names in mountinfo of the attributes that matter.
func mountOptions(attr uint64) string {
	s := ""
	for _, o := range [...]struct {
		bit  uint64
		name string
	}{{unix.MS_RDONLY, "ro "}, {unix.MS_NOSUID, "nosuid "}, {unix.MS_NODEV, "nodev "}, {unix.MS_NOEXEC, "noexec "}, {unix.MOUNT_ATTR_IDMAP, "idmapped "}} {
		if attr&o.bit != 0 {
			s = text(s, o.name)
		}
	}
	return s
}

// hasOptions reports whether a mount's options, with commas between them, have all of those
// that are wanted.
func hasOptions(have, wanted string) bool {
	for wanted != "" {
		var o string
		if o, wanted, _ = cut(wanted, " "); !listed(have, o) {
			return false
		}
	}
	return true
}

// find marks those that a mountinfo's text shows.
func find(all []wanted, content string) {
	for m := one[mountLine](); m.next(&content); {
		for i := range all {
			w := &all[i]
			w.found = w.found || w.target == m.point && (w.fstype == "" || w.fstype == m.fstype) && hasOptions(m.options, w.options) &&
				(w.root == "" || w.root == m.root && w.device == m.device)
		}
	}
}

// verifyMounts compares the plan's mounts with those that the kernel shows.
func (l *launch) verifyMounts() error {
	all := wantedMounts(l.plan)
	if err := l.wantSources(all); err != nil {
		return err
	}
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
			return fmt.Errorf("%s was made, but /proc/%d/mountinfo shows it elsewhere, with other options, or of another file: somebody changed the root directory %s, or what is added, meanwhile; nothing was run", w.step, l.pid, l.c.root.dir)
		})
	}
	return nil
}

// wantSources fills in where the added paths come from, by the launcher's own mounts.
func (l *launch) wantSources(all []wanted) error {
	content, looked := "", false
	for i := range l.y.adds {
		a := &l.y.adds[i]
		if a.tmpfs {
			continue
		}
		if !looked {
			var err error
			if content, err = readMounts("self"); err != nil {
				return err
			}
			looked = true
		}
		device, root := sourceIn(content, a.source)
		for j := range all {
			if w := &all[j]; w.step.deed != nil && w.target == a.target {
				w.device, w.root = device, root
			}
		}
	}
	return nil
}

// sourceIn returns the file system of a path without symlinks, and what the path is called
// there.
func sourceIn(content, p string) (device, root string) {
	length := -1
	for m := one[mountLine](); m.next(&content); {
		// Of several mounts at one place the last covers the others.
		if rest, is := below(p, m.point); is && len(m.point) >= length {
			length, device, root = len(m.point), text(m.device), cleanPath(text(m.root, "/", rest))
		}
	}
	return device, root
}

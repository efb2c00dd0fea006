// Chapter 10, afterwards: is every mount where it should be?
//
// proc_pid_mountinfo(5).
//
// If other users can write to a root directory, they may change it while mounts are made in it:
// rename a mount point, or put a symlink in its place. The mount is then elsewhere in the
// container, never outside of it, but for example the masks would be missing at the place where
// programs use /proc. So the launcher checks the mounts before it lets the child go on. At this
// time the child waits for the maps of ids, and has made all mounts.
//
// Differs from the tutorial: the tutorial does not check.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// wanted is a mount that must be present.
type wanted struct {
	step    *step
	target  string
	fstype  string // "" for any
	options string // of the mount, separated by blanks
	device  string // of an added path: its file system
	root    string // and its path in that file system; "" for any
	source  string // of a mask that is a bind mount: the path in the container that it shows
	found   bool
}

// wantedMounts returns the mounts that the plan makes in the container's own tree.
func wantedMounts(p plan) []wanted {
	out := grow([]wanted(nil), 64)
	pivoted := false
	for _, s := range p {
		pivoted = pivoted || s.kind == pivots
		if pivoted && s.call == "mount_setattr" {
			addOptions(out, s)
		}
		if !pivoted || s.kind != makesMount {
			continue
		}
		if s.deed == nil && !hasPrefix(gostring(s.args[1].p), "/") {
			continue // in the workshop, from where it is moved
		}
		w := wanted{step: s}
		if s.deed != nil { // a move_mount
			w.target, w.options = s.file, mountOptions(s.attr)
		} else {
			w.target = gostring(s.args[1].p)
			if s.args[2].p != nil {
				w.fstype, w.options = gostring(s.args[2].p), mountOptions(uint64(s.args[3].n)) // MS_ and MOUNT_ATTR_ have the same values here
			} else {
				w.source = gostring(s.args[0].p)
			}
		}
		out = add(out, w)
	}
	return out
}

// addOptions adds the attributes that mount_setattr(2) sets by a path to those of the mount that
// was made there before.
func addOptions(all []wanted, s *step) {
	target := gostring(s.args[1].p)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].target == target {
			all[i].options = text(all[i].options, mountOptions((*unix.MountAttr)(s.args[3].p).Attr_set))
			return
		}
	}
}

// mountOptions returns the names in mountinfo of the attributes that matter.
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

// hasOptions reports whether a mount's options, separated by commas, contain all wanted ones.
func hasOptions(have, wanted string) bool {
	for wanted != "" {
		var o string
		if o, wanted, _ = cut(wanted, " "); !listed(have, o) {
			return false
		}
	}
	return true
}

// find marks the wanted mounts that the text of mountinfo contains.
func find(all []wanted, content string) {
	for m := one[mountLine](); m.next(&content); {
		for i := range all {
			w := &all[i]
			w.found = w.found || w.target == m.point && (w.fstype == "" || w.fstype == m.fstype) && hasOptions(m.options, w.options) &&
				(w.root == "" || w.root == m.root && w.device == m.device)
		}
	}
}

// verifyMounts compares the mounts of the plan with those that the kernel shows.
func (l *launch) verifyMounts() error {
	all := wantedMounts(l.plan)
	if err := l.wantSources(all); err != nil {
		return err
	}
	content, err := readMounts(decimal(l.pid))
	if err != nil {
		return err
	}
	wantMasks(all, content)
	find(all, content)
	for i := range all {
		w := &all[i]
		if w.found || w.needless() {
			continue
		}
		return fault(func() error {
			return fmt.Errorf("%s was made, but /proc/%d/mountinfo shows it elsewhere, with other options, or of another file: something else has changed the root directory %s, or an added path, at the same time; nothing was run", w.step, l.pid, l.c.root.dir)
		})
	}
	return nil
}

// needless reports whether a mount is a mask of a path that this kernel does not have. Other
// paths may be others' to remove, and what is said of those after the mount does not count.
func (w *wanted) needless() bool {
	return w.step.may == unix.ENOENT && (hasPrefix(w.target, "/proc/") || hasPrefix(w.target, "/sys/")) && !exists(w.target)
}

// wantMasks finds out what the masks that are bind mounts must show, from the text of mountinfo:
// the container's own /dev/null, or a path of its own /proc. They are mounted by name, and at that
// moment another directory may have been in the place of /dev or /proc.
func wantMasks(all []wanted, content string) {
	nullDevice, nullRoot := sourceIn(content, "/dev/null")
	procDevice, procRoot := sourceIn(content, "/proc")
	for i := range all {
		w := &all[i]
		if w.source == "/dev/null" {
			w.device, w.root = nullDevice, nullRoot
		} else if rest, is := below(w.source, "/proc"); is {
			w.device, w.root = procDevice, cleanPath(text(procRoot, "/", rest))
		}
	}
}

// wantSources finds out where the added paths come from, by the launcher's own mounts.
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

// sourceIn returns the file system that contains a path without symlinks, and the path within
// that file system.
func sourceIn(content, p string) (device, root string) {
	length := -1
	for m := one[mountLine](); m.next(&content); {
		// Of several mounts at one place, the last one covers the others.
		if rest, is := below(p, m.point); is && len(m.point) >= length {
			length, device, root = len(m.point), text(m.device), cleanPath(text(m.root, "/", rest))
		}
	}
	return device, root
}

// Chapter 10, afterwards: is every mount where it should be?
//
// proc_pid_mountinfo(5).
//
// If other users can write to a root directory, they may change it while mounts are made in it:
// rename a mount point, or put a symlink in its place. The mount is then elsewhere in the
// container, never outside of it, but for example the masks would be missing at the place where
// programs use /proc. So the launcher checks the mounts before it lets the command start. The
// child has made all mounts before it asks for the maps of ids. While it then gives up its powers,
// the launcher looks.
//
// Differs from the tutorial: the tutorial does not check.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// wanted is a mount that must be present.
type wanted struct {
	step   *step
	target string
	fstype string // "" for any
	attr   uint64 // attributes that the mount must have
	device string // of an added path: its file system
	root   string // and its path in that file system; "" for any
	source string // of a mask that is a bind mount: the path in the container that it shows
	found  bool
}

// wantedMounts returns the mounts that the plan makes in the container's own tree.
func wantedMounts(p plan) []wanted {
	out := grow([]wanted(nil), 64)
	pivoted := false
	for _, s := range p {
		pivoted = pivoted || s.kind == pivots
		if pivoted && s.kind == changesMount {
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
			w.target, w.attr = s.file, s.attr
		} else {
			w.target = gostring(s.args[1].p)
			if s.args[2].p != nil {
				w.fstype, w.attr = gostring(s.args[2].p), uint64(s.args[3].n) // MS_ and MOUNT_ATTR_ have the same values here
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
			all[i].attr |= (*unix.MountAttr)(s.args[3].p).Attr_set
			return
		}
	}
}

// hasOptions reports whether a mount's options, as mountinfo shows them, contain those of attr that
// matter.
func hasOptions(have string, attr uint64) bool {
	for _, o := range [...]struct {
		bit  uint64
		name string
	}{{unix.MS_RDONLY, "ro"}, {unix.MS_NOSUID, "nosuid"}, {unix.MS_NODEV, "nodev"}, {unix.MS_NOEXEC, "noexec"}, {unix.MOUNT_ATTR_IDMAP, "idmapped"}} {
		if attr&o.bit != 0 && !listed(have, o.name) {
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
			w.found = w.found || w.target == m.point && (w.fstype == "" || w.fstype == m.fstype) && hasOptions(m.options, w.attr) &&
				(w.root == "" || w.root == m.root && w.device == m.device)
		}
	}
}

// openMounts opens the list of the child's mounts, before the child goes on. Later the child is not
// dumpable (prctl(2)), and if /proc is mounted with hidepid, only root may open its files then.
func (l *launch) openMounts() error {
	file := text("/proc/", decimal(l.pid), "/mountinfo")
	fd, e := sysOpen(file, unix.O_RDONLY, 0)
	if e != 0 {
		return failedCall("open", file, "O_RDONLY", e)
	}
	l.closing = add(l.closing, fd)
	l.mountinfo = fd
	return nil
}

// verifyMounts compares the mounts of the plan with those that the kernel shows.
func (l *launch) verifyMounts() error {
	all := wantedMounts(l.plan)
	if err := l.wantSources(all); err != nil {
		return err
	}
	content, e := readAll(l.mountinfo)
	if e != 0 {
		return failedCall("read", text("/proc/", decimal(l.pid), "/mountinfo"), "", e)
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
	return unix.Errno(w.step.may) == unix.ENOENT && (hasPrefix(w.target, "/proc/") || hasPrefix(w.target, "/sys/")) && !exists(w.target)
}

// wantMasks finds out what the masks that are bind mounts must show, from the text of mountinfo:
// the container's own /dev/null, or a path of its own /proc. They are mounted by name, and at that
// moment another directory may have been in the place of /dev or /proc.
func wantMasks(all []wanted, content string) {
	inside := [...]located{{path: "/dev/null"}, {path: "/proc"}}
	locate(inside[:], content)
	null, proc := &inside[0], &inside[1]
	for i := range all {
		w := &all[i]
		if w.source == "/dev/null" {
			w.device, w.root = null.device, null.root
		} else if rest, is := below(w.source, "/proc"); is {
			w.device, w.root = proc.device, text(withoutEnd(proc.root, "/"), "/", rest)
		}
	}
}

// wantSources finds out where the added paths come from, by the launcher's own mounts.
func (l *launch) wantSources(all []wanted) error {
	var sources []located
	for i := range l.y.adds {
		if a := &l.y.adds[i]; !a.tmpfs {
			sources = add(sources, located{path: a.source, target: a.target})
		}
	}
	if sources == nil {
		return nil
	}
	content, err := readMounts("self")
	if err != nil {
		return err
	}
	locate(sources, content)
	for i := range sources {
		for j := range all {
			if w := &all[j]; w.step.deed != nil && w.target == sources[i].target {
				w.device, w.root = sources[i].device, sources[i].root
			}
		}
	}
	return nil
}

// located is a path without symlinks: the file system that contains it, and the path within that
// file system.
type located struct {
	path         string
	target       string // of an added path: its place in the container
	device, root string
	rest         string // the part of path below the mount
	length       int    // of the name of the mount point
}

// locate finds the paths in the text of mountinfo.
func locate(all []located, content string) {
	for m := one[mountLine](); m.next(&content); {
		for i := range all {
			// Of several mounts at one place, the last one covers the others.
			l := &all[i]
			if rest, is := below(l.path, m.point); is && len(m.point) >= l.length {
				l.length, l.device, l.root, l.rest = len(m.point), m.device, m.root, rest
			}
		}
	}
	for i := range all {
		all[i].root = cleanPath(text(all[i].root, "/", all[i].rest))
	}
}

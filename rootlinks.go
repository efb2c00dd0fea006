// Chapter 16: symlinks in the destination of an added path.
//
// path_resolution(7), readlinkat(2), openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS.
//
// `-a token:/var/run/secrets/token` works even if /var/run is a symlink to /run. The symlinks
// are followed here as the container would follow them: an absolute one begins at the
// container's root, and `..` cannot leave it. The result is a path without symlinks. The child
// opens this path and does not follow symlinks (mount.go): if someone puts one there in the
// meantime, the run fails.
//
// Differs from the tutorial: the tutorial follows them on the host, as root.

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// linkError says that the path to a mount point contains a symlink.
type linkError struct{}

func (*linkError) Error() string { return "a symlink is on the way" }

// onTheWay is the error of a symlink on the way to a destination.
var onTheWay = &linkError{}

// placeAll decides where all added paths are. before lists what is mounted before them.
func (y *layout) placeAll(c *config, before []mounted) error {
	missing := len(y.missing)
	linked, err := y.placeAdds(c.adds, before)
	for tries := 0; err == nil && linked >= 0; tries++ {
		if tries == mostLinks { // the paths lead to each other
			return fault(func() error {
				return fmt.Errorf("%s: in the container this place leads through too many symlinks", c.adds[linked].text)
			})
		}
		if c.adds, err = y.followLinks(c.adds, linked, before); err == nil {
			y.missing = y.missing[:missing]
			linked, err = y.placeAdds(c.adds, before)
		}
	}
	if err == nil && y.root.host && c.net == "host" && c.addResolver(y.private) {
		y.missing = y.missing[:missing]
		_, err = y.placeAdds(c.adds, before)
	}
	return err
}

// placeAdds decides where the added paths are. It returns the index of one that has a symlink in
// its path, or -1. before lists what is mounted before them.
func (y *layout) placeAdds(adds []addedPath, before []mounted) (int, error) {
	y.adds = grow([]addedPath(nil), len(adds))
	for i, a := range adds {
		a.make = nil
		if err := y.place(a.text, &a.mountPoint, before); err == onTheWay {
			return i, nil
		} else if err != nil {
			return -1, err
		}
		for j := range y.adds {
			if b := &y.adds[j]; a.target == b.target {
				return -1, fault(func() error {
					return fmt.Errorf("%s and %s: both are mounted at %s, so one would hide the other: leave one of them out", b.text, a.text, a.target)
				})
			}
		}
		y.adds = add(y.adds, a)
		before = add(before, mounted{target: a.target, tmpfs: a.tmpfs, source: a.source})
	}
	return -1, nil
}

// followLinks replaces the target of an added path by the path without symlinks, and returns the
// paths in their new order.
func (y *layout) followLinks(adds []addedPath, linked int, before []mounted) ([]addedPath, error) {
	a := &adds[linked]
	for i := range y.adds {
		before = add(before, mounted{target: y.adds[i].target, tmpfs: y.adds[i].tmpfs, source: y.adds[i].source})
	}
	real, e := y.withoutLinks(a.target, before)
	if e != 0 {
		return nil, fault(func() error {
			return fmt.Errorf("%s: %s in the container leads through symlinks: %w", a.text, a.target, e)
		})
	}
	target, err := parseTarget(real)
	if err != nil {
		return nil, fault(func() error {
			return fmt.Errorf("%s: %s in the container leads to %s through symlinks: %w", a.text, a.target, real, err)
		})
	}
	all := addAll([]addedPath(nil), adds)
	all[linked].target = target
	return byDepth(all), nil
}

// withoutLinks follows the symlinks of a path of the container.
func (y *layout) withoutLinks(p string, before []mounted) (string, syscall.Errno) {
	w := pathWalk{done: "/", rest: p}
	for at := w.next(); at != ""; at = w.next() {
		link, e := y.linkAt(at, before)
		switch {
		case e == unix.EINVAL || e == unix.ENOENT || e == unix.ENOTDIR: // not a symlink, or it does not exist yet
			w.done = at
			continue
		case e == 0:
			e = w.follow(link)
		}
		if e != 0 {
			return "", e
		}
	}
	return w.done, 0
}

// linkAt reads a symlink at a path of the container that contains no other symlink. It looks in
// what is mounted there, the last mount first, or in the root directory.
func (y *layout) linkAt(p string, before []mounted) (string, syscall.Errno) {
	dir, rel, opened := y.fd, p[1:], -1
	for i := len(before) - 1; i >= 0; i-- {
		m := &before[i]
		rest, is := below(p, m.target)
		switch {
		case !is:
			continue
		case m.tmpfs || rest == "":
			return "", unix.ENOENT
		}
		var e syscall.Errno
		if opened, e = sysOpen(m.source, unix.O_PATH, 0); e != 0 {
			return "", e
		}
		dir, rel = opened, rest
		break
	}
	parent, e := openParent(dir, rel)
	if opened >= 0 {
		sysClose(opened)
	}
	if e != 0 {
		return "", e
	}
	link, e := sysReadlinkat(parent, baseName(rel))
	sysClose(parent)
	return link, e
}

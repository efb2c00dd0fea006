// Chapters 10 and 16, before anything is mounted: is the place there, and can it be mounted on?
//
// openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS; mount(2).
//
// Differs from the tutorial: it finds out by failing.

package main

import (
	"fmt"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mounted is something the plan mounts before the mount point in question.
type mounted struct {
	target string
	tmpfs  bool
	source string // of an -a
}

// place finds where p stands and what must be made for it. what names the flag. The error is
// onTheWay if there is a symlink on the way.
func (y *layout) place(what string, p *mountPoint, before []mounted) error {
	for i := len(before) - 1; i >= 0; i-- {
		m := &before[i]
		rest, is := below(p.target, m.target)
		switch {
		case !is:
			continue
		case rest == "":
			return nil // on top of an earlier mount
		case m.tmpfs:
			dir := m.target
			for rest != "" {
				var name string
				name, rest, _ = cut(rest, "/")
				dir = text(dir, "/", name)
				p.make = add(p.make, dir)
			}
			return nil
		default:
			return placeIn(what, p, m.source, rest)
		}
	}
	return y.placeInRoot(what, p)
}

// placeIn checks a mount point below an earlier -a: it must be there, since what was added
// is the user's own and is never written to.
func placeIn(what string, p *mountPoint, source, rest string) error {
	fd, e := sysOpen(source, unix.O_PATH, 0)
	if e != 0 {
		return failedCall("open", source, "O_PATH", e)
	}
	var st unix.Stat_t
	found, e := lookup(fd, rest, &st)
	err := error(nil)
	switch {
	case e == unix.ELOOP:
		err = onTheWay
	case e != 0:
		err = fault(func() error { return fmt.Errorf("%s: %w", what, explainLookup(fd, source, rest, e)) })
	case !found:
		err = fault(func() error {
			return fmt.Errorf("%s: there is no %s in %s, which is added there: make it first", what, rest, source)
		})
	default:
		p.mode = st.Mode
		err = sameKind(what, p, isDir(&st))
	}
	sysClose(fd)
	return err
}

// placeReal is place of a mount point to which no symlink may lead.
func (y *layout) placeReal(what string, p *mountPoint, before []mounted) error {
	err := y.place(what, p, before)
	if err != onTheWay {
		return err
	}
	return fault(func() error {
		return fmt.Errorf("%s: %w", what, explainLookup(y.fd, y.root.dir, p.target[1:], unix.ELOOP))
	})
}

// placeInRoot checks a mount point in the root directory and, if it is not there, notes it
// as missing.
func (y *layout) placeInRoot(what string, p *mountPoint) error {
	rel := p.target[1:]
	var st unix.Stat_t
	found, e := lookup(y.fd, rel, &st)
	switch {
	case e == unix.ELOOP:
		return onTheWay
	case e != 0:
		return fault(func() error { return fmt.Errorf("%s: %w", what, explainLookup(y.fd, y.root.dir, rel, e)) })
	case found:
		p.mode = st.Mode
		return sameKind(what, p, isDir(&st))
	}
	for i := range y.missing {
		if y.missing[i].target == p.target {
			return nil
		}
	}
	y.missing = add(y.missing, *p)
	return nil
}

// sameKind makes sure that p can be mounted on what is there: a directory can be mounted
// on a directory only, anything else on anything else (mount(2), ENOTDIR).
func sameKind(what string, p *mountPoint, dir bool) error {
	switch {
	case p.dir && !dir:
		return fault(func() error {
			return fmt.Errorf("%s: %s in the container is not a directory, and a directory can be mounted on nothing else", what, p.target)
		})
	case !p.dir && dir:
		return fault(func() error {
			return fmt.Errorf("%s: %s in the container is a directory, and a file cannot be mounted on it: name the file, %s", what, p.target, path.Join(p.target, "NAME"))
		})
	}
	return nil
}

// lookup looks at the file at rel below the directory dirfd; found is false if there is
// none. A symlink anywhere on the way is the error ELOOP.
func lookup(dirfd int, rel string, st *unix.Stat_t) (found bool, e syscall.Errno) {
	if indexByte(rel, '/') < 0 { // a single name: it leads nowhere else
		switch e = sysFstatat(dirfd, rel, st, unix.AT_SYMLINK_NOFOLLOW); {
		case e == 0 && st.Mode&unix.S_IFMT == unix.S_IFLNK:
			return false, unix.ELOOP
		case e == unix.ENOENT:
			return false, 0
		}
		return e == 0, e
	}
	fd, e := sysOpenat2(dirfd, rel, unix.O_PATH, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
	if e != 0 {
		if e == unix.ENOENT {
			e = 0
		}
		return false, e
	}
	e = sysFstat(fd, st)
	sysClose(fd)
	return e == 0, e
}

// explainLookup says which part of the path is the trouble.
func explainLookup(dirfd int, dir, rel string, err error) error {
	failed := &callError{call: fmt.Sprintf("openat2(%s, %s)", quote(dir), quote(rel)), err: err}
	if err != unix.ELOOP && err != unix.ENOTDIR {
		if err == unix.ENOSYS || err == unix.EPERM {
			failed.hint = "a system call filter around tincan refuses it, as tincan's own default filter does, and must allow it"
		}
		return failed
	}
	parts := strings.Split(rel, "/")
	for i := range parts {
		part := strings.Join(parts[:i+1], "/")
		fd, e := unix.Openat2(dirfd, part, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_IN_ROOT})
		if e != nil {
			break
		}
		var st unix.Stat_t
		buf := make([]byte, unix.PathMax)
		e = unix.Fstat(fd, &st)
		n, le := unix.Readlinkat(fd, "", buf)
		unix.Close(fd)
		switch {
		case e == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK && le == nil:
			to := string(buf[:n])
			real := to
			if !path.IsAbs(to) {
				real = path.Join("/", path.Dir(part), to)
			}
			return fmt.Errorf("/%s in the container is a symlink to %s, and a mount through a symlink is refused; use the real path: %s",
				part, to, path.Join(append([]string{real}, parts[i+1:]...)...))
		case e == nil && i < len(parts)-1 && st.Mode&unix.S_IFMT != unix.S_IFDIR:
			return fmt.Errorf("/%s in the container is not a directory", part)
		}
	}
	return failed
}

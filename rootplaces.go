// Chapters 10 and 16, before anything is mounted: does the place exist, and can it be mounted
// on?
//
// openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS; mount(2).
//
// Differs from the tutorial: the tutorial finds out when a mount fails.

package main

import (
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mounted is a mount that the plan makes before the mount point in question.
type mounted struct {
	target string
	tmpfs  bool
	source string // the source of an -a
}

// place decides where p is and what must be made for it. what is the flag's name for messages.
// The error is onTheWay if the path contains a symlink.
func (y *layout) place(what string, p *mountPoint, before []mounted) error {
	for i := len(before) - 1; i >= 0; i-- {
		m := &before[i]
		rest, is := below(p.target, m.target)
		switch {
		case !is:
			continue
		case rest == "":
			return nil // p is mounted over an earlier mount
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

// placeIn checks a mount point below an earlier -a. It must exist, because tincan never changes
// a directory that the user has added.
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
			make := "touch"
			if p.dir {
				make = "mkdir -p"
			}
			return fmt.Errorf("%s: %s does not exist in %s, which is mounted there: make it first (%s %s)", what, rest, source, make, path.Join(source, rest))
		})
	default:
		p.mode = st.Mode
		err = sameKind(what, p, isDir(&st))
	}
	sysClose(fd)
	return err
}

// placeReal is place for a mount point whose path must not contain a symlink.
func (y *layout) placeReal(what string, p *mountPoint, before []mounted) error {
	err := y.place(what, p, before)
	if err == nil {
		return nil
	}
	return fault(func() error {
		dir, _, below := strings.Cut(p.target[1:], "/")
		at := path.Join(y.root.dir, dir)
		fi, e := os.Lstat(at)
		if e != nil || fi.IsDir() || below {
			if err == onTheWay {
				err = fmt.Errorf("%s: %w", what, explainLookup(y.fd, y.root.dir, p.target[1:], unix.ELOOP))
			}
			return err
		}
		is := "it is not"
		if to, e := os.Readlink(at); e == nil {
			is = "it is a symlink to " + to
		}
		return fmt.Errorf("%s must be a directory, because the container has its own %s there, but %s: put a directory in its place (rm %[1]s; mkdir %[1]s)", at, p.target, is)
	})
}

// placeInRoot checks a mount point in the root directory. If it does not exist, it is listed as
// missing.
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

// sameKind returns an error if p cannot be mounted on what exists: a directory can be mounted
// only on a directory, and anything else only on something that is not a directory (mount(2),
// ENOTDIR).
func sameKind(what string, p *mountPoint, dir bool) error {
	switch {
	case p.dir && !dir:
		return fault(func() error {
			return fmt.Errorf("%s: %s in the container is not a directory, but a directory can be mounted only on a directory", what, p.target)
		})
	case !p.dir && dir:
		return fault(func() error {
			return fmt.Errorf("%s: %s in the container is a directory, and a file cannot be mounted on a directory: give the file's whole name, %s", what, p.target, path.Join(p.target, "NAME"))
		})
	}
	return nil
}

// lookup finds the file rel below the directory dirfd; found is false if it does not exist. A
// symlink anywhere in the path gives the error ELOOP.
func lookup(dirfd int, rel string, st *unix.Stat_t) (found bool, e syscall.Errno) {
	if indexByte(rel, '/') < 0 { // a single name cannot lead elsewhere
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

// explainLookup returns an error that says which part of the path is wrong.
func explainLookup(dirfd int, dir, rel string, err error) error {
	failed := &callError{call: fmt.Sprintf("openat2(%s, %s)", quote(dir), quote(rel)), err: err}
	if err != unix.ELOOP && err != unix.ENOTDIR {
		if err == unix.ENOSYS || err == unix.EPERM {
			failed.hint = "a seccomp filter around tincan refuses this call, as tincan's own default filter does; that filter must allow it"
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

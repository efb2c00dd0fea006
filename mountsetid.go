// Chapter 16, continued: what must not be in a directory of root's that a command may change.
//
// mmap(2) MAP_SHARED, inode(7) S_ISUID and S_ISGID, capabilities(7) "File capabilities",
// openat2(2).
//
// write(2) to a set-user-ID program takes the bit away, but a write to a shared mapping of it
// does not: the command would change what anybody on the host then runs as root. So before a
// directory of root's, or of a user of the system's, is shown as the command's, the launcher
// looks through it for such programs. It looks only at files whose user and group are both
// mapped, because the kernel refuses to open any other file of such a mount for writing.
//
// The container mounts the directory by its name. So nobody else may be able to exchange it, or
// a directory above it, between the look and the mount.
//
// Differs from the tutorial: there, root's files are the command's without a look.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mostEntries is how many entries are looked at before the launcher gives up.
const mostEntries = 100_000

// unsteady returns a directory in the path in which somebody other than root, the owner and the
// user of sudo(8) could exchange the next part of the path, or "".
func unsteady(p string, owner uint32) string {
	var dir, entry unix.Stat_t
	if sysLstat("/", &dir) != 0 {
		return "/"
	}
	for i := 2; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		if sysLstat(p[:i], &entry) != 0 || !trusted(&dir, owner) || dir.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0 && (dir.Mode&unix.S_ISVTX == 0 || !trusted(&entry, owner)) {
			return parentDir(p[:i])
		}
		dir = entry
	}
	return ""
}

// trusted reports whether a file belongs to root, to the owner, or to the user of sudo(8), who is
// the caller.
func trusted(st *unix.Stat_t, owner uint32) bool {
	sudo, _ := getenv("SUDO_UID")
	caller, ok := number(sudo)
	return st.Uid == 0 || st.Uid == owner || ok && uint64(st.Uid) == caller
}

// setIDSearch looks for programs that run as somebody else than who starts them.
type setIDSearch struct {
	uid, gid uint32
	entries  int
	found    string // with what it is, for instance a set-user-ID program
	what     string
}

// checkPrograms looks through the source of an added path that belongs to root, or to a user of
// the system's.
//
//tincan:runtime
func (a *addedPath) checkPrograms() error {
	const instead = "add it read-only (:ro, --here=ro), or give the command a directory of another user's"
	if dir := unsteady(a.source, a.owner[0].inside); dir != "" {
		return fmt.Errorf("%s: %s belongs to %s, and somebody else can exchange what is in %s: chmod go-w %[4]s, or chown it to root; or %s", a.text, a.source, a.ownerText(), dir, instead)
	}
	fd, e := sysOpenat2(unix.AT_FDCWD, a.source, unix.O_PATH|unix.O_CLOEXEC, unix.RESOLVE_NO_SYMLINKS)
	if e != 0 {
		return failedCall("openat2", a.source, "O_PATH", e)
	}
	defer sysClose(fd)
	var st unix.Stat_t
	if e := sysFstat(fd, &st); e != 0 {
		return failedCall("fstat", a.source, "", e)
	}
	if st.Uid != a.owner[0].inside || st.Gid != a.group || isDir(&st) != a.dir {
		return fmt.Errorf("%s: %s has changed in the meantime; try again", a.text, a.source)
	}
	s := setIDSearch{uid: st.Uid, gid: st.Gid}
	var err error
	if a.dir {
		err = s.lookIn(fd, a.source)
	} else {
		s.lookAt(unix.AT_FDCWD, a.source, a.source, &st)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %s belongs to %s and is looked through for set-user-ID programs, which the command could change: %w; %s", a.text, a.source, a.ownerText(), err, instead)
	case s.found != "":
		return fmt.Errorf("%s: %s is %s of %s, and the command could change what it does for anybody who runs it; remove that (chmod ug-s, setcap -r), %s", a.text, s.found, s.what, a.ownerText(), instead)
	}
	return nil
}

// lookIn looks through a directory, and those below it, until something is found. Other file
// systems are left out: their ids are not shown as others.
func (s *setIDSearch) lookIn(dir int, name string) error {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer sysClose(fd)
	b := make([]byte, 4096)
	for {
		n, e := sysGetdents(fd, b)
		if e != 0 {
			return fmt.Errorf("%s: %w", name, e)
		}
		if n <= 0 {
			return nil
		}
		for at := 0; at < n; {
			entry, _, length := dirEntry(b[at:])
			at += length
			if entry == "." || entry == ".." {
				continue
			}
			if s.entries++; s.entries > mostEntries {
				return fmt.Errorf("it has more than %d files", mostEntries)
			}
			path := name + "/" + entry
			var st unix.Stat_t
			if e := sysFstatat(fd, entry, &st, unix.AT_SYMLINK_NOFOLLOW); e == unix.ENOENT {
				continue
			} else if e != 0 {
				return fmt.Errorf("%s: %w", path, e)
			}
			if s.lookAt(fd, entry, path, &st); s.found != "" {
				return nil
			}
			if !isDir(&st) {
				continue
			}
			below, e := sysOpenat2(fd, entry, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_XDEV)
			if e == unix.EXDEV || e == unix.ENOENT {
				continue
			}
			if e != 0 {
				return fmt.Errorf("%s: %w", path, e)
			}
			err := s.lookIn(below, path)
			sysClose(below)
			if err != nil || s.found != "" {
				return err
			}
		}
	}
}

// lookAt looks at a file.
func (s *setIDSearch) lookAt(dir int, entry, path string, st *unix.Stat_t) {
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != s.uid || st.Gid != s.gid {
		return
	}
	name := path
	if dir >= 0 {
		name = fmt.Sprintf("/proc/self/fd/%d/%s", dir, entry)
	}
	if st.Mode&unix.S_ISUID != 0 {
		s.what = "a set-user-ID program"
	} else if st.Mode&unix.S_ISGID != 0 {
		s.what = "a set-group-ID program"
	} else if n, err := unix.Lgetxattr(name, "security.capability", nil); n > 0 || err != nil && err != unix.ENODATA && err != unix.EOPNOTSUPP && err != unix.ENOENT {
		s.what = "a program with capabilities"
	} else {
		return
	}
	s.found = path
}

// Chapter 16, continued: programs that must not be in a directory of root's that a command may
// change.
//
// mmap(2) MAP_SHARED, inode(7) S_ISUID and S_ISGID, capabilities(7) "File capabilities",
// openat2(2).
//
// write(2) to a set-user-ID program clears the bit. A write to a shared mapping of it does not, so
// the command could change what other users of the host run as root. Therefore, before the
// launcher shows a directory of root's, or of a system user's, as the command's own, it looks for
// such programs in it. It looks only at files whose user and group are both mapped, because the
// kernel refuses to open any other file of such a mount for writing.
//
// The container mounts the directory by its name. So nobody else may be able to replace it, or a
// directory above it, between this check and the mount.
//
// Differs from the tutorial: the tutorial's program lets the command change root's files without a
// check.

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostEntries is the number of entries after which the launcher gives up.
const mostEntries = 100_000

// unsteady returns a directory in the path that somebody other than root, the owner and the user of
// sudo(8) can change, and so replace the next part of the path; or "" if there is none. In a
// directory like /tmp, it is the entry that its owner can replace.
func unsteady(p string, owner uint32) string {
	var dir, entry unix.Stat_t
	if sysLstat("/", &dir) != 0 {
		return "/"
	}
	for i := 2; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		switch {
		case sysLstat(p[:i], &entry) != 0:
			return parentDir(p[:i])
		case exchangeable(&dir, &entry, owner):
			if trusted(&dir, owner) && dir.Mode&unix.S_ISVTX != 0 {
				return p[:i]
			}
			return parentDir(p[:i])
		}
		dir = entry
	}
	return ""
}

// exchangeable reports whether an untrusted user (see trusted) can exchange an entry of the
// directory.
func exchangeable(dir, entry *unix.Stat_t, owner uint32) bool {
	return !trusted(dir, owner) || dir.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0 && (dir.Mode&unix.S_ISVTX == 0 || !trusted(entry, owner))
}

// checkLinks returns an error if somebody else could choose what is shown as the command's: if the
// path that the caller has given leads to real only through a symlink that somebody other than
// root, the owner and the user of sudo(8) has made or could exchange. flag is the flag's text.
func checkLinks(flag, given, real string, owner uint32) error {
	if !hasPrefix(given, "/") {
		dir, e := shellsDir()
		if e != 0 {
			return failedCall("open", ".", "O_PATH", e)
		}
		given = text(dir, "/", given)
	}
	w := pathWalk{done: "/", rest: given}
	for at := w.next(); at != ""; at = w.next() {
		var dir, entry unix.Stat_t
		if e := sysLstat(at, &entry); e != 0 {
			return failedCall("lstat", at, "", e)
		}
		if entry.Mode&unix.S_IFMT != unix.S_IFLNK {
			w.done = at
			continue
		}
		if sysLstat(w.done, &dir) != 0 || !trusted(&entry, owner) || exchangeable(&dir, &entry, owner) {
			return fault(func() error {
				return fmt.Errorf("%s: %s is a symlink that somebody else can change, and so could choose whose files the command gets; it leads to %s now: if you mean that, give that path instead", flag, quote(at), quote(real))
			})
		}
		link, e := sysReadlink(at)
		if e == 0 {
			e = w.follow(link)
		}
		if e != 0 {
			return failedCall("readlink", at, "", e)
		}
	}
	now := w.done
	if now == real {
		return nil
	}
	return fault(func() error {
		return fmt.Errorf("%s: %s led to %s a moment ago, and now leads to %s, so somebody else is changing it: give the path without symlinks", flag, quote(given), quote(real), quote(now))
	})
}

// shellsDir returns the path by which the caller's shell has come to the current directory, perhaps
// through symlinks. The shell leaves it in the environment.
func shellsDir() (string, syscall.Errno) {
	var st, now unix.Stat_t
	dir, _ := getenv("PWD")
	if e := sysStat(".", &st); e == 0 && hasPrefix(dir, "/") && sysStat(dir, &now) == 0 && now.Dev == st.Dev && now.Ino == st.Ino {
		return dir, 0
	}
	return realPath(".")
}

// trusted reports whether a file belongs to root, to the owner, or to the user of sudo(8), who is
// the caller.
func trusted(st *unix.Stat_t, owner uint32) bool {
	sudo, _ := getenv("SUDO_UID")
	caller, ok := number(sudo)
	return st.Uid == 0 || st.Uid == owner || ok && uint64(st.Uid) == caller
}

// setIDSearch looks for programs that run with the ids or capabilities of their file.
type setIDSearch struct {
	uid, gid uint32
	entries  int    // number of entries seen so far
	found    string // path of the first such program
	what     string // its kind, for instance "a set-user-ID program"
}

// instead is what to do about an added path that the command must not change.
const instead = "add it read-only (:ro or --here=ro), or use a directory that belongs to an ordinary user"

// checkPrograms returns an error if the source of an added path, which belongs to root or to a
// system user, has such programs in it, or if somebody else could replace it.
//
//tincan:runtime
func (a *addedPath) checkPrograms() error {
	if dir := unsteady(a.source, a.owner[0].inside); dir != "" {
		return fmt.Errorf("%s: %s belongs to %s, but another user can change %s, and could put something else in its place: make that impossible (chown root %[4]s; chmod go-w %[4]s), %s", a.text, a.source, a.ownerText(), dir, instead)
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
		return fmt.Errorf("%s: %s belongs to %s, so tincan must make sure that it contains no set-user-ID programs, which the command could change; this is not possible: %w; %s", a.text, a.source, a.ownerText(), err, instead)
	case s.found != "":
		return fmt.Errorf("%s: %s is %s that belongs to %s, and the command could change what it does for everybody on this host who runs it; make it an ordinary program (chmod ug-s FILE, setcap -r FILE), %s", a.text, s.found, s.what, a.ownerText(), instead)
	}
	return nil
}

// lookIn looks through a directory and those below it, until it finds such a program. It leaves out
// other file systems, because the mount does not change the owners of their files.
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

// lookAt records the file if it is such a program.
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

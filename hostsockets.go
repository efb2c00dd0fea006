// Chapter 10: sockets and FIFOs in the host's own tree.
//
// unix(7), fifo(7), getdents64(2) d_type, openat2(2) RESOLVE_NO_XDEV.
//
// On a read-only mount, a process can still connect to a socket or write to a FIFO: that needs
// only the permission of the file itself. Most sockets of the host are below /run, /tmp and the
// home directories, which the container has of its own. Daemons have others below /var, and
// people have some below /srv and /opt. A search of limited size finds them there, and they are
// covered. SECURITY.md describes what the search cannot find.
//
// A mount by name is safe only if nobody but root can change what the name leads to. So a socket
// is covered with /dev/null if all directories above it are root's. Otherwise the topmost
// directory that somebody else can change is covered whole, with an empty tmpfs: its own name is
// root's, and nothing in it is looked up again.
//
// Differs from the tutorial: the tutorial has no container on the host's tree.

package main

import (
	"golang.org/x/sys/unix"
)

// Directories that are looked into, how deep below them, and how many directories and entries
// in all: a start must not take longer than a few hundred microseconds for it.
var socketDirs = [...]string{"/var", "/srv", "/opt"}

const (
	socketDepth   = 2
	socketLooks   = 128
	socketEntries = 8192
	socketsEach   = 16 // a directory with more is covered whole
)

// searched is a directory in the list of directories to search.
type searched struct {
	name  string
	top   int    // the one of socketDirs that it is in, O_PATH
	rel   string // its name below that one
	depth int
	whole string // the topmost directory on the way to it that others than root can change, or ""
}

// socketSearch is the search, and what it has found.
type socketSearch struct {
	private []privateDir // what the container does not see
	todo    []searched   // directories, in the order in which they are looked into
	entries int          // how many entries have been looked at
	found   []string     // sockets and FIFOs to be covered one by one
	hidden  []privateDir // directories to be covered whole
}

// hostSockets searches for sockets and FIFOs that a container on the host's tree would see. It
// returns those that are covered one by one, and the directories that are covered whole. private
// are the directories that it does not see.
func hostSockets(private []privateDir) (found []string, hidden []privateDir) {
	s := socketSearch{private: private}
	var tops [len(socketDirs)]int
	for i, d := range socketDirs {
		fd, real, e := openReal(d)
		if tops[i] = fd; e == 0 && real != "/" {
			s.todo = add(s.todo, searched{real, fd, ".", 0, othersDir(real)})
		}
	}
	b := space(8192)
	for i := 0; i < len(s.todo) && i < socketLooks && s.entries < socketEntries; i++ {
		dir := s.todo[i] // a copy: todo grows
		s.lookInto(&dir, b)
	}
	for _, fd := range tops {
		if fd >= 0 {
			sysClose(fd)
		}
	}
	return s.found, s.hidden
}

// lookInto reads a directory. Other file systems are left out: a server that does not answer
// would stop the start.
func (s *socketSearch) lookInto(dir *searched, b []byte) {
	if beneath(s.private, dir.name) || beneath(s.hidden, dir.name) {
		return
	}
	fd, e := sysOpenat2(dir.top, dir.rel, unix.O_RDONLY|unix.O_DIRECTORY, unix.RESOLVE_NO_XDEV|unix.RESOLVE_NO_SYMLINKS)
	if e != 0 {
		return
	}
	var st unix.Stat_t
	if dir.whole == "" && (sysFstat(fd, &st) != 0 || !rootsOnly(&st)) {
		dir.whole = dir.name
	}
	before := len(s.found)
	for s.entries < socketEntries && !beneath(s.hidden, dir.name) {
		n, e := sysGetdents(fd, b)
		if e != 0 || n <= 0 {
			break
		}
		for at := 0; at < n; s.entries++ {
			const typeAt = 18 // struct linux_dirent64
			kind := b[at+typeAt]
			name, _, length := dirEntry(b[at:])
			at += length
			if kind == unix.DT_UNKNOWN {
				kind = kindOf(fd, name)
			}
			switch {
			case name == "." || name == "..":
			case kind == unix.DT_SOCK || kind == unix.DT_FIFO:
				s.cover(dir, name, before)
			case kind == unix.DT_DIR && dir.depth < socketDepth:
				s.todo = add(s.todo, searched{text(dir.name, "/", name), dir.top, text(dir.rel, "/", name), dir.depth + 1, dir.whole})
			}
		}
	}
	sysClose(fd)
}

// cover notes a socket or FIFO of a directory. before is the number of those that were found in
// other directories.
func (s *socketSearch) cover(dir *searched, name string, before int) {
	if len(s.found)-before == socketsEach {
		dir.whole, s.found = dir.name, s.found[:before]
	}
	switch {
	case dir.whole == "":
		s.found = add(s.found, text(dir.name, "/", name))
	case !beneath(s.hidden, dir.whole):
		s.hidden = add(s.hidden, privateDir{mountPoint{target: dir.whole, dir: true}, "0755",
			"hides sockets or FIFOs of the host, in a directory that not only root can change"})
	}
}

// othersDir returns the first directory on the way to dir, or dir itself, that others than root
// can change, or "". dir has no symlinks.
func othersDir(dir string) string {
	for i := 1; i <= len(dir); i++ {
		var st unix.Stat_t
		if (i == len(dir) || dir[i] == '/') && (sysLstat(dir[:i], &st) != 0 || !rootsOnly(&st)) {
			return dir[:i]
		}
	}
	return ""
}

// rootsOnly reports whether only root can change a directory. The group's bits are also those of
// an access control list (acl(5)).
func rootsOnly(st *unix.Stat_t) bool {
	return st.Uid == 0 && st.Mode&(unix.S_IWGRP|unix.S_IWOTH) == 0
}

// kindOf returns the type of an entry, for file systems that do not return it together with the
// name.
func kindOf(dir int, name string) uint8 {
	var st unix.Stat_t
	if sysFstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != 0 {
		return unix.DT_UNKNOWN
	}
	return uint8(st.Mode & unix.S_IFMT >> 12) // inode(7); d_type uses the same values
}

// coverSockets mounts /dev/null on each of the files. A file that has been removed in the
// meantime is skipped. If its daemon removes it later, the mount goes with it, so mountverify.go
// does not look for these mounts.
func coverSockets(files []string) []*step {
	var steps []*step
	for _, f := range files {
		steps = add(steps, mount("/dev/null", f, "", unix.MS_BIND, "").or(unix.ENOENT).as(makesCall).
			because("a socket or FIFO of the host: a program could connect or write to it even on a read-only mount"))
	}
	return steps
}

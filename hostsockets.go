// Chapter 10: sockets and FIFOs in the host's own tree.
//
// unix(7), fifo(7), getdents64(2) d_type, openat2(2) RESOLVE_NO_XDEV.
//
// A read-only mount does not keep a process from connecting to a socket or writing to a FIFO
// in it: that needs the permission of the file alone. Most of the host's are below /run,
// /tmp and the homes, which are the container's own; daemons keep others below /var, and people
// below /srv and /opt. Whatever a bounded look finds there is covered with /dev/null. What it
// cannot find is in SECURITY.md.
//
// Differs from the tutorial: it has no container on the host's tree.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Directories that are looked into, how deep below them, and how many directories and entries
// in all: a start must not take longer than a few hundred microseconds for it.
var socketDirs = [...]string{"/var", "/srv", "/opt"}

const (
	socketDepth   = 2
	socketLooks   = 128
	socketEntries = 8192
)

// searched is a directory on the list of those to look into.
type searched struct {
	name  string
	depth int
}

// hostSockets lists the sockets and FIFOs that a container on the host's tree would see.
// private are the directories that it does not see.
func hostSockets(private []privateDir) (found []string) {
	var todo []searched
	for _, d := range socketDirs {
		if real, e := realPath(d); e == 0 {
			todo = add(todo, searched{real, 0})
		}
	}
	b := space(8192)
	entries := 0
	for i := 0; i < len(todo) && i < socketLooks && entries < socketEntries; i++ {
		dir := todo[i]
		if beneath(private, dir.name) {
			continue
		}
		fd, e := openSearched(dir)
		for e == 0 {
			var n int
			if n, e = sysGetdents(fd, b); n <= 0 {
				break
			}
			for at := 0; at < n; entries++ {
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
					found = add(found, text(withoutEnd(dir.name, "/"), "/", name))
				case kind == unix.DT_DIR && dir.depth < socketDepth:
					todo = add(todo, searched{text(withoutEnd(dir.name, "/"), "/", name), dir.depth + 1})
				}
			}
		}
		if fd >= 0 {
			sysClose(fd)
		}
	}
	return found
}

// openSearched opens a directory. Below those of socketDirs other file systems are left out: a
// server that does not answer would stop the start.
func openSearched(dir searched) (int, syscall.Errno) {
	if dir.depth == 0 {
		return sysOpen(dir.name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	parent, e := sysOpen(parentDir(dir.name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if e != 0 {
		return -1, e
	}
	fd, e := sysOpenat2(parent, dir.name[len(parentDir(dir.name))+1:], unix.O_RDONLY|unix.O_DIRECTORY, unix.RESOLVE_NO_XDEV|unix.RESOLVE_NO_SYMLINKS)
	sysClose(parent)
	return fd, e
}

// kindOf is the type of an entry where the file system does not say it with the name.
func kindOf(dir int, name string) uint8 {
	var st unix.Stat_t
	if sysFstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != 0 {
		return unix.DT_UNKNOWN
	}
	return uint8(st.Mode & unix.S_IFMT >> 12) // inode(7), and d_type is the same
}

// coverSockets mounts /dev/null on each. One that has gone meanwhile needs none.
func coverSockets(files []string) []*step {
	var steps []*step
	for _, f := range files {
		steps = add(steps, mount("/dev/null", f, "", unix.MS_BIND, "").or(unix.ENOENT).
			because("a socket or FIFO of the host's: it could be talked to, although it cannot be changed"))
	}
	return steps
}

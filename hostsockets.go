// Chapter 10: sockets and FIFOs in the host's own tree.
//
// unix(7), fifo(7), getdents64(2) d_type, openat2(2) RESOLVE_NO_XDEV.
//
// On a read-only mount, a process can still connect to a socket or write to a FIFO: that needs
// only the permission of the file itself. Most sockets of the host are below /run, /tmp and the
// home directories, which the container has of its own. Daemons have others below /var, and
// people have some below /srv and /opt. A search of limited size finds them there, and they are
// covered with /dev/null. SECURITY.md describes what the search cannot find.
//
// Differs from the tutorial: the tutorial has no container on the host's tree.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// The directories that are searched, the depth, and the largest number of directories and of
// entries in all. The search must not take longer than a few hundred microseconds.
var socketDirs = [...]string{"/var", "/srv", "/opt"}

const (
	socketDepth   = 2
	socketLooks   = 128
	socketEntries = 8192
)

// searched is a directory in the list of directories to search.
type searched struct {
	name  string
	depth int
}

// hostSockets returns the sockets and FIFOs that a container on the host's tree would see.
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
				const typeAt = 18 // the offset of d_type in struct linux_dirent64
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

// openSearched opens a directory. Below the directories of socketDirs it does not enter other
// file systems, because a server that does not answer would block the start.
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
// meantime is skipped.
func coverSockets(files []string) []*step {
	var steps []*step
	for _, f := range files {
		steps = add(steps, mount("/dev/null", f, "", unix.MS_BIND, "").or(unix.ENOENT).
			because("a socket or FIFO of the host: a program could connect or write to it even on a read-only mount"))
	}
	return steps
}

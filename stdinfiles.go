// Chapter 10: files that the command has as standard input.
//
// proc_pid_fd(5), open_tree(2), mount_setattr(2), dup3(2).
//
// A descriptor that is only readable does not keep anybody from opening the same file again,
// through /proc/self/fd/0, for writing: what counts then is the file's mode, and the mount that it
// was opened on. So a file that the container's user could write is opened once more for the
// command, on a read-only copy of its mount. The position is the same at the start, and is the
// command's own from there on. Directories are refused: /proc/self/fd/0/.. would lead out of
// the container.
//
// Differs from the tutorial: there, both are the command's.

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// inputFile is one of the descriptors 0, 1 and 2 that is opened once more, read-only.
type inputFile struct {
	fd       int
	name     string
	position int
}

var standardNames = [...]string{"input", "output", "error"}

// setInputs looks at the three descriptors that every command gets.
func (c *config) setInputs() error {
	for fd := range standardNames {
		var st unix.Stat_t
		if sysFstat(fd, &st) != 0 {
			continue
		}
		if st.Mode&unix.S_IFMT == unix.S_IFIFO {
			c.setPipe(fd, &st)
			continue
		}
		flags, e := sysFcntl(fd, unix.F_GETFL, 0)
		switch {
		case isDir(&st):
			return fault(func() error {
				return fmt.Errorf("standard %s is a directory of the host, and would lead out of the container: redirect it (</dev/null), or add the directory: -a", standardNames[fd])
			})
		case e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG || flags&unix.O_ACCMODE != unix.O_RDONLY || !c.mayWrite(fd, &st):
			continue
		}
		name, e := nameOfOpen(fd, &st)
		if e == unix.ENOENT && st.Nlink == 0 {
			continue // it has no name any more, as a shell's here-document: nobody else's contents
		}
		position, notSeekable := sysLseek(fd, 0, unix.SEEK_CUR)
		if e != 0 || notSeekable != 0 {
			return fault(func() error {
				return fmt.Errorf("standard %s is a file that the container's user could open again and write, through /proc/self/fd/%d, and it cannot be opened read-only here by its name; use a pipe (cat FILE | tincan ...)", standardNames[fd], fd)
			})
		}
		c.inputs = add(c.inputs, inputFile{fd, name, position})
	}
	return nil
}

// setPipe notes a pipe that the command could not open again by /dev/stdout, since it belongs to
// whoever has made it. Only those without a name are changed: nobody else finds one.
func (c *config) setPipe(fd int, st *unix.Stat_t) {
	who := &c.rootless.who
	if int(st.Uid) == c.hostUID || !who.root && int(st.Uid) != who.uid {
		return
	}
	flags, e := sysFcntl(fd, unix.F_GETFL, 0)
	var fs unix.Statfs_t
	if e != 0 || sysStatfs(text("/proc/self/fd/", decimal(fd)), &fs) != 0 || fs.Type != unix.PIPEFS_MAGIC {
		return
	}
	p := stdPipe{fd, st.Mode & 0o777, st.Ino}
	if flags&unix.O_ACCMODE != unix.O_WRONLY {
		p.mode |= 0o444
	}
	if flags&unix.O_ACCMODE != unix.O_RDONLY {
		p.mode |= 0o222
	}
	for i := range c.pipes {
		if c.pipes[i].ino == p.ino { // it has one mode for all descriptors
			c.pipes[i].mode |= p.mode
			return
		}
	}
	c.pipes = add(c.pipes, p)
}

// stdPipe is a pipe that is one of the descriptors 0, 1 and 2, and its new mode.
type stdPipe struct {
	fd   int
	mode uint32
	ino  uint64
}

// openPipes lets the command open its pipes again.
func openPipes(pipes []stdPipe) []*step {
	var steps []*step
	for _, p := range pipes {
		steps = add(steps, call("fchmod", unix.SYS_FCHMOD, num(uintptr(p.fd)), mode(p.mode), no, no, no, no).
			because("a pipe without a name: the command's user may open it once more in the same direction, as /dev/stdout or /dev/stdin"))
	}
	return steps
}

// mayWrite reports whether the container's user might open the file for writing. An access
// control list is not read: it may say so.
func (c *config) mayWrite(fd int, st *unix.Stat_t) bool {
	if n, e := sysGetxattr(text("/proc/self/fd/", decimal(fd)), "system.posix_acl_access", nil); e == 0 && n > 0 {
		return true
	}
	owner := false
	for _, m := range c.maps { // root inside may become each of them
		owner = owner || overlap(m.outside, m.count, st.Uid, 1)
	}
	return owner || st.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0
}

// nameOfOpen returns the name of an open file. It is an error if another file has it by now.
func nameOfOpen(fd int, st *unix.Stat_t) (string, syscall.Errno) {
	name, e := pathOf(fd)
	var now unix.Stat_t
	if e == 0 {
		e = sysLstat(name, &now)
	}
	if e == 0 && (now.Dev != st.Dev || now.Ino != st.Ino) {
		e = unix.ENOENT
	}
	return name, e
}

// reopenInputs opens the files read-only, while the host's tree is in reach. The working directory is the
// host's /proc.
func reopenInputs(files []inputFile) []*step {
	var steps []*step
	for _, f := range files {
		fd := num(uintptr(f.fd))
		steps = addAll(steps, list(
			openPlace(hostPath(f.name)).because("a file that can only be read, and that the container's user could open again and write"),
			openTree("", false).because("a copy of its mount"),
			closeFD(keptPlace()),
			treeSetattr(unix.MOUNT_ATTR_RDONLY).because("on which nothing can be written"),
			call("dup3", unix.SYS_DUP3, keptTree(), fd, num(0), no, no, no).because("a number for its name, below"),
			closeFD(keptTree()),
			call("openat", unix.SYS_OPENAT, atCwd(), cstring(text("self/fd/", decimal(f.fd))), name(unix.O_RDONLY|unix.O_CLOEXEC, "O_RDONLY|O_CLOEXEC"), no, no, no).keeping().
				because("the file on that mount"),
			call("dup3", unix.SYS_DUP3, keptTree(), fd, num(0), no, no, no),
			closeFD(keptTree()),
			call("lseek", unix.SYS_LSEEK, fd, num(uintptr(f.position)), name(unix.SEEK_SET, "SEEK_SET"), no, no, no).because("where the caller's was"),
		))
	}
	return steps
}

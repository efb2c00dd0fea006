// Chapter 10: files that are the command's standard input.
//
// proc_pid_fd(5), open_tree(2), mount_setattr(2), dup3(2).
//
// A process that has a read-only descriptor can open the same file again for writing, through
// /proc/self/fd/0: only the file's mode counts, and the mount through which it was opened. So if
// the container's user could write to the file, the file is opened again for the command, on a
// read-only copy of its mount. The position is the same at the start, and belongs to the command
// alone from then on. Directories are refused, because /proc/self/fd/0/.. would lead out of the
// container.
//
// Differs from the tutorial: in the tutorial, the command can do both.

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// inputFile is one of the descriptors 0, 1 and 2, if it is opened again read-only.
type inputFile struct {
	fd       int
	name     string
	position int
	dev, ino uint64
}

// setInputs checks the three descriptors that every command gets.
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
				return fmt.Errorf("standard %s is a directory of the host, which would lead out of the container: redirect it (%d<>/dev/null), or add the directory with -a", standardNames[fd], fd)
			})
		case e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG || flags&unix.O_ACCMODE != unix.O_RDONLY || !c.mayWrite(fd, &st):
			continue
		}
		name, e := nameOfOpen(fd, &st)
		if e == unix.ENOENT && st.Nlink == 0 {
			continue // it has no name any more, like a shell's here-document, so no other user's data
		}
		position, notSeekable := sysLseek(fd, 0, unix.SEEK_CUR)
		if e != 0 || notSeekable != 0 {
			return fault(func() error {
				return fmt.Errorf("standard %s is a file that the container's user could open again for writing, through /proc/self/fd/%d, and tincan cannot open it read-only by its name; use a pipe (cat FILE | tincan ...)", standardNames[fd], fd)
			})
		}
		c.inputs = add(c.inputs, inputFile{fd, name, position, st.Dev, st.Ino})
	}
	return nil
}

// mayWrite reports whether the container's user might open the file for writing. An access
// control list is not read; if there is one, mayWrite returns true.
func (c *config) mayWrite(fd int, st *unix.Stat_t) bool {
	if n, e := sysGetxattr(text("/proc/self/fd/", decimal(fd)), "system.posix_acl_access", nil); e == 0 && n > 0 {
		return true
	}
	owner := false
	for _, m := range c.maps { // root inside can become each of these users
		owner = owner || overlap(m.outside, m.count, st.Uid, 1)
	}
	return owner || st.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0
}

// nameOfOpen returns the name of an open file. It is an error if the name belongs to another
// file by now.
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

// reopenInputs opens the files read-only while the host's tree can still be reached. The working
// directory is the host's /proc.
func reopenInputs(files []inputFile) []*step {
	var steps []*step
	for _, f := range files {
		fd := num(uintptr(f.fd))
		steps = addAll(steps, list(
			openPlace(hostPath(f.name)).because("standard input is a file that the container's user could open again for writing"),
			openTree("", false).because("a copy of its mount"),
			closeFD(keptPlace()),
			treeSetattr(unix.MOUNT_ATTR_RDONLY).because("makes the copy read-only"),
			call("dup3", unix.SYS_DUP3, keptTree(), fd, num(0)).because("gives the copy a known number, for its name below"),
			closeFD(keptTree()),
			call("openat", unix.SYS_OPENAT, atCwd(), cstring(text("self/fd/", decimal(f.fd))), name(unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, "O_RDONLY|O_NONBLOCK|O_CLOEXEC")).keeping().
				because("opens the file on the read-only mount"),
			call("dup3", unix.SYS_DUP3, keptTree(), fd, num(0)),
			closeFD(keptTree()),
			call("lseek", unix.SYS_LSEEK, fd, num(uintptr(f.position)), name(unix.SEEK_SET, "SEEK_SET")).because("sets the caller's position"),
		))
	}
	return steps
}

// terminalOuts opens the terminal again for each of the descriptors 1 and 2 that is the terminal
// of a command in the background. It can be written and not read. The mount that it is opened on
// refuses devices as soon as it is open, so the command cannot open it again for reading. The
// working directory is the host's /proc.
func terminalOuts(d *fds) []*step {
	var steps []*step
	for i, instead := range d.outs {
		if d.outNames[i] == "" {
			continue
		}
		out := fd(instead, text("OUT", decimal(i)))
		steps = addAll(steps, list(
			openPlace(hostPath(d.outNames[i])).because("the terminal: a command in the background can write to it"),
			openTree("", false).because("a copy of its mount"),
			closeFD(keptPlace()),
			call("dup3", unix.SYS_DUP3, keptTree(), out, name(unix.O_CLOEXEC, "O_CLOEXEC")).because("gives the copy a known number, for its name below"),
			call("openat", unix.SYS_OPENAT, atCwd(), cstring(text("self/fd/", decimal(instead))), name(unix.O_WRONLY|unix.O_NOCTTY|unix.O_CLOEXEC, "O_WRONLY|O_NOCTTY|O_CLOEXEC")).placing().
				because("opens the terminal on the copy, for writing"),
			treeSetattr(unix.MOUNT_ATTR_NODEV).because("the terminal cannot be opened on it once more, for reading, through /proc/self/fd"),
			closeFD(keptTree()),
			call("dup3", unix.SYS_DUP3, keptPlace(), out, name(unix.O_CLOEXEC, "O_CLOEXEC")),
			closeFD(keptPlace()),
		))
	}
	return steps
}

// verifyInputs returns an error if a file that the child has opened again is not the one that
// the caller has given: another user may have exchanged the names. The child waits during the
// check.
func (l *launch) verifyInputs() error {
	for i := range l.c.inputs {
		f := &l.c.inputs[i]
		file := text("/proc/", decimal(l.pid), "/fd/", decimal(f.fd))
		var st unix.Stat_t
		if e := sysStat(file, &st); e != 0 {
			return failedCall("stat", file, "", e)
		}
		if st.Dev != f.dev || st.Ino != f.ino {
			return fault(func() error {
				return fmt.Errorf("standard %s was opened again by its name, %s, but this name now belongs to another file; nothing was run", standardNames[f.fd], quote(f.name))
			})
		}
	}
	return nil
}

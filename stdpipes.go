// Chapter 10: pipes that are the command's standard input, output or error.
//
// pipe(7), proc_pid_fd(5), fchmod(2), flock(2).
//
// A pipe without a name belongs to the user who made it, with mode 0600, so the container's user
// could not open it again as /dev/stdout. The launcher adds the permission to do that. But both
// ends of a pipe have the same mode: in `tincan A | tincan B`, A could then read what other
// programs write for B, and B could write. So if one container has the reading end of a pipe and
// another has the writing end, neither may open it again. The mode itself records who has which
// end, in two bits that have no meaning for a pipe, so the order of the starts does not matter.
//
// Differs from the tutorial: in the tutorial, the command is root, or the caller.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// stdPipe is a pipe that is one of the descriptors 0, 1 and 2.
type stdPipe struct {
	fd    int
	marks uint32 // the ends that the command has
	ino   uint64
}

// The marks, and what other users may do with the pipe. The marks use the execute bits, which
// have no effect on a pipe.
const (
	markReader  = unix.S_IXGRP
	markWriter  = unix.S_IXOTH
	othersRead  = unix.S_IRUSR | unix.S_IRGRP | unix.S_IROTH
	othersWrite = unix.S_IWUSR | unix.S_IWGRP | unix.S_IWOTH
)

// pipeMode returns the new mode of a pipe when a container gets the marked ends.
func pipeMode(now, marks uint32) uint32 {
	now = now&0o777 | marks
	switch now & (markReader | markWriter) {
	case markReader:
		return now | othersRead
	case markWriter:
		return now | othersWrite
	}
	return now&^(unix.S_IRWXG|unix.S_IRWXO) | markReader | markWriter
}

// setPipe records a pipe that the command must be able to open again. Only pipes without a name
// are changed: no other process can find one.
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
	p := stdPipe{fd: fd, ino: st.Ino}
	if flags&unix.O_ACCMODE != unix.O_WRONLY {
		p.marks = markReader
	}
	if flags&unix.O_ACCMODE != unix.O_RDONLY {
		p.marks |= markWriter
	}
	for i := range c.pipes {
		if c.pipes[i].ino == p.ino { // a pipe has one mode for all descriptors
			c.pipes[i].marks |= p.marks
			return
		}
	}
	c.pipes = add(c.pipes, p)
}

// openPipes returns the launcher's steps that allow the command to open its pipes again.
func openPipes(pipes []stdPipe) []*step {
	var steps []*step
	for i := range pipes {
		what := "the user's permission to read"
		if pipes[i].marks&markWriter != 0 {
			what = "the user's permission to write"
		}
		s := hostStep(opensPipe, "fchmod", num(uintptr(pipes[i].fd)), shown(what, showText)).
			because("a pipe without a name: allows the command's user to open it again in the same direction, as /dev/stdout or /dev/stdin, unless another container has its other end")
		s.attr = uint64(i)
		steps = add(steps, s)
	}
	return steps
}

// lockTries is how often the launcher tries to lock a pipe, at intervals of a millisecond.
// Another launcher holds the lock for a few microseconds. A command that has the pipe may keep
// it locked for as long as it wants; then no container may open the pipe again.
const lockTries = 50

// openPipe changes the mode of a pipe. The lock prevents two launchers from reading the mode at
// the same time and each writing it without the other's mark.
func (l *launch) openPipe(s *step) error {
	p := &l.c.pipes[s.attr]
	marks, locked := p.marks, syscall.Errno(0)
	for tries := 0; ; tries++ {
		if locked = sysFlock(p.fd, unix.LOCK_EX|unix.LOCK_NB); locked == 0 {
			break
		}
		if tries == lockTries {
			marks = markReader | markWriter
			break
		}
		sysSleep(1)
	}
	var st unix.Stat_t
	e := sysFstat(p.fd, &st)
	if mode := pipeMode(st.Mode, marks); e == 0 && mode != st.Mode&0o777 {
		e = sysFchmod(p.fd, mode)
	}
	if locked == 0 {
		sysFlock(p.fd, unix.LOCK_UN)
	}
	if e != 0 {
		return failedCall("fchmod", text("standard ", standardNames[p.fd]), octalText(st.Mode&0o777), e)
	}
	return nil
}

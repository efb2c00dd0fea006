// Chapter 15: the program's file and its interpreters, before it is executed.
//
// execve(2) "Interpreter scripts", elf(5) PT_INTERP, openat2(2) RESOLVE_NO_MAGICLINKS,
// proc_pid_exe(5).
//
// Until execve, the command's process is tincan, so /proc/self/exe leads to tincan's own file on
// the host. If the command has this name, or is a symlink to it in a foreign root directory, or
// is a script or program that names it as its interpreter, the launcher's file would run inside
// the container. The kernel opens these files itself, so each of them is first opened here, in
// the same way but refusing links of this kind. The launcher finds out which interpreters there
// are by reading the files.
//
// Differs from the tutorial: in the tutorial, /proc/self/exe is the launcher.

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostInterpreters is how many interpreters the kernel follows: each may name another one.
const mostInterpreters = 5

// openInside opens a file as the container would see it: in the root directory, or below an -a.
// It never waits, and opens only regular files, because opening a device can have effects.
func (c *config) openInside(file string, flags int) (int, syscall.Errno) {
	fd, e := c.placeInside(file)
	if e != 0 || flags&unix.O_PATH != 0 {
		return fd, e
	}
	var st unix.Stat_t
	if e = sysFstat(fd, &st); e == 0 && st.Mode&unix.S_IFMT != unix.S_IFREG {
		e = unix.EACCES
	}
	opened := -1
	if e == 0 {
		opened, e = sysOpen(text("/proc/self/fd/", decimal(fd)), flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	}
	sysClose(fd)
	return opened, e
}

// placeInside is openInside with O_PATH.
func (c *config) placeInside(file string) (int, syscall.Errno) {
	const flags = unix.O_PATH
	const within = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	name := file
	if !hasPrefix(file, "/") {
		name = text(withoutEnd(c.workdir, "/"), "/", file)
	}
	name = cleanPath(name)
	for i := len(c.adds) - 1; i >= 0; i-- {
		a := &c.adds[i]
		rest, is := below(name, a.target)
		if !is {
			continue
		}
		if a.tmpfs { // empty when the command starts
			return -1, unix.ENOENT
		}
		if rest == "" {
			return sysOpenat2(unix.AT_FDCWD, a.source, flags, unix.RESOLVE_NO_SYMLINKS)
		}
		dir, e := sysOpenat2(unix.AT_FDCWD, a.source, unix.O_PATH, unix.RESOLVE_NO_SYMLINKS)
		if e != 0 {
			return -1, e
		}
		fd, e := sysOpenat2(dir, rest, flags, within)
		sysClose(dir)
		return fd, e
	}
	if c.privateAbove(name) != "" {
		return -1, unix.ENOENT
	}
	dir := c.root.fd
	if dir == 0 {
		var e syscall.Errno
		if dir, e = sysOpen(c.root.dir, unix.O_PATH|unix.O_DIRECTORY, 0); e != 0 {
			return -1, e
		}
	}
	fd, e := sysOpenat2(dir, name, flags, within)
	if c.root.fd == 0 {
		sysClose(dir)
	}
	return fd, e
}

// privateAbove returns the private directory, empty when the command starts, that would contain
// the file; or "".
func (c *config) privateAbove(name string) string {
	for i := range c.private {
		if rest, is := below(name, c.private[i].target); is && rest != "" {
			return c.private[i].target
		}
	}
	return ""
}

// interpreterOf returns the interpreter that an existing program or script names, or "".
// readable is false if the file does not exist or the launcher cannot read it.
func (c *config) interpreterOf(file string) (name string, readable bool) {
	fd, e := c.openInside(file, unix.O_RDONLY)
	if e != 0 {
		return "", false
	}
	name = interpreterIn(fd)
	sysClose(fd)
	return name, true
}

// interpreterIn reads the name of the interpreter from an open file.
func interpreterIn(fd int) string {
	start := space(1024) // enough for most programs
	n, e := sysPread(fd, start, 0)
	if e != 0 {
		return ""
	}
	line, script := cutPrefix(stringOf(start[:n]), "#!")
	if !script {
		return elfInterpreter(fd, start[:n])
	}
	line, _ = nextLine(line)
	for line != "" && (line[0] == ' ' || line[0] == '\t') {
		line = line[1:]
	}
	for i := 0; i < len(line); i++ { // only these end the name: a carriage return is part of it
		if line[i] == ' ' || line[i] == '\t' {
			return line[:i]
		}
	}
	return line
}

// elfInterpreter reads PT_INTERP of a 64-bit program. start is the beginning of the file fd. If
// fd is -1, start is all there is to read.
func elfInterpreter(fd int, start []byte) string {
	const (
		ptInterp = 3
		elfHead  = 64 // bytes of the file's header
		progHead = 56 // bytes of a program header
	)
	if len(start) < elfHead || !hasPrefix(stringOf(start), "\x7fELF\x02\x01") {
		return ""
	}
	offset, headers := *(*uint64)(unsafe.Pointer(&start[32])), min(int(start[56])+int(start[57])<<8, 64)
	for i := 0; i < headers; i++ {
		h := space(progHead)
		at := int(offset) + i*progHead
		if at >= 0 && at <= len(start)-progHead {
			h = start[at : at+progHead]
		} else if n, e := sysPread(fd, h, at); e != 0 || n < progHead {
			return ""
		}
		size, at := int(*(*uint64)(unsafe.Pointer(&h[32]))), int(*(*uint64)(unsafe.Pointer(&h[8])))
		if *(*uint32)(unsafe.Pointer(&h[0])) != ptInterp {
			continue
		}
		if size <= 0 || size >= unix.PathMax || at < 0 {
			return ""
		}
		b := space(size)
		if at <= len(start) && size <= len(start)-at {
			b = start[at : at+size]
		} else if n, e := sysPread(fd, b, at); e != 0 || n < size {
			return ""
		}
		name, _, _ := cut(stringOf(b), "\x00")
		return name
	}
	return ""
}

// is32Bit reports whether the command is a 32-bit program (elf(5), ELFCLASS32).
func (c *config) is32Bit() bool {
	for _, f := range candidates(c.argv[0], c.env) {
		fd, e := c.openInside(f, unix.O_RDONLY)
		if e != 0 {
			continue
		}
		b := space(5)
		sysPread(fd, b, 0)
		sysClose(fd)
		return stringOf(b) == "\x7fELF\x01"
	}
	return false
}

// interpreters returns the files that the kernel follows when it executes the command: the
// interpreter of the first candidate that exists, the interpreter of that one, and so on.
func (c *config) interpreters(files []string) (found []string) {
	for _, f := range files {
		next, readable := c.interpreterOf(f)
		for next != "" && len(found) < mostInterpreters {
			found = add(found, next)
			next, _ = c.interpreterOf(next)
		}
		if readable {
			break
		}
	}
	return found
}

// passedOn reports whether the file is a descriptor that the caller passes on to the command.
// Such a file is reached by a link of /proc.
func passedOn(file string, passFDs []int) bool {
	if file == "/dev/stdin" {
		return true
	}
	n, is := cutPrefix(file, "/proc/self/fd/")
	if !is {
		n, is = cutPrefix(file, "/dev/fd/")
	}
	n, inside, _ := cut(n, "/") // or a program below a directory
	fd, valid := number(n)
	if !is || !valid {
		return false
	}
	for _, p := range passFDs {
		if p == int(fd) {
			return true
		}
	}
	return fd <= 2 && inside == ""
}

// checkPrograms opens what execve will open, and refuses links of /proc that lead to a file
// instead of a name.
func checkPrograms(files, interpreters []string, passFDs []int) (steps []*step) {
	for i, f := range addAll(addAll(nil, files), interpreters) {
		if i < len(files) && passedOn(f, passFDs) {
			continue
		}
		s := openPath(f, unix.RESOLVE_NO_MAGICLINKS, "RESOLVE_NO_MAGICLINKS").hinted(hintMountCalls).as(opensProgram).because("the program must not be reached by a link like /proc/self/exe, which leads to tincan's own file until execve")
		steps = add(steps, s.or(unix.ENOENT)) // execve will report this error
	}
	return steps
}

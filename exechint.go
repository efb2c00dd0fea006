// Chapter 15: the program, when execve(2) refuses it.
//
// execve(2), elf(5), openat2(2) RESOLVE_IN_ROOT, statfs(2) ST_NOEXEC; exit statuses 126
// and 127 as in sh(1).
//
// Nothing of this is part of the plan. The launcher looks, once the step has failed, at
// what the command's file is, as the container would have seen it.

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// execStatus is the exit status for a command that could not be executed: 127 if it
// is not there, 126 if it is.
func (c *config) execStatus(file string, e syscall.Errno) int {
	if e == unix.ENOENT && c.interpreterOf(file) == "" {
		return 127
	}
	return 126
}

// ownCommand is for who wrote a command of tincan's own behind a flag, where it is the
// container's.
func ownCommand(name string) string {
	switch name {
	case "plan", "check", "seccomp", "initramfs", "init":
		return fmt.Sprintf("; tincan's own %[1]s comes before all flags: tincan %[1]s ...", name)
	case "record":
		return "; this version of tincan records no profiles"
	}
	return ""
}

// hintExec explains the errnos of execve, which are short for what they mean.
func (c *config) hintExec(file string, e syscall.Errno) string {
	switch e {
	case unix.ENOENT:
		if i := c.interpreterOf(file); i != "" {
			return fmt.Sprintf("%s is there, but the interpreter it names is not: %s\nadd it, for instance -a %s:%s", file, i, path.Dir(i), path.Dir(i))
		}
		if !strings.Contains(c.argv[0], "/") {
			return fmt.Sprintf("%s: command not found in the container's PATH", c.argv[0]) + ownCommand(c.argv[0])
		}
		return file + ": no such file in the container"
	case unix.ENOEXEC:
		return file + ": neither a program for this machine nor a script with a #! line; a script without one needs its shell named: sh " + file
	case unix.EACCES:
		if fi := c.statInside(file); fi != nil && fi.Mode&unix.S_IFMT == unix.S_IFDIR {
			return file + ": a directory"
		}
		if c.noExec(file) {
			return file + ": on a file system that is mounted noexec, where nothing can be executed"
		}
		return fmt.Sprintf("%s: not executable for the container's user, who is %d:%d to the host; chmod +x, and o+x on the directories above it", file, c.hostUID, c.hostGID)
	}
	return ""
}

// noExec tells whether the file is on a mount whose programs are not to be executed.
func (c *config) noExec(file string) bool {
	fd, err := c.openInside(file, unix.O_PATH)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}

// statInside looks a file up in the root directory or below an -a, as the container
// would; nil if it cannot be found there.
func (c *config) statInside(file string) *unix.Stat_t {
	fd, err := c.openInside(file, unix.O_PATH)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return nil
	}
	return &st
}

func (c *config) openInside(file string, flags int) (int, error) {
	flags |= unix.O_CLOEXEC
	if flags&unix.O_PATH == 0 {
		flags |= unix.O_NONBLOCK // whatever is there, opening it does not wait
	}
	how := &unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	clean := path.Join("/", c.workdir, file)
	if path.IsAbs(file) {
		clean = path.Clean(file)
	}
	for i := len(c.adds) - 1; i >= 0; i-- {
		rest, ok := below(clean, c.adds[i].target)
		if !ok || c.adds[i].tmpfs {
			continue
		}
		if rest == "" {
			return unix.Open(c.adds[i].source, flags, 0)
		}
		dir, err := unix.Open(c.adds[i].source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		defer unix.Close(dir)
		return unix.Openat2(dir, rest, how)
	}
	dir, err := unix.Open(c.root.dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	return unix.Openat2(dir, clean, how)
}

// interpreterOf gives the interpreter that an existing program or script names, or
// "" if the file is not there or names none.
func (c *config) interpreterOf(file string) string {
	fd, err := c.openInside(file, unix.O_RDONLY)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), file)
	defer f.Close()
	var start [256]byte
	n, _ := io.ReadFull(f, start[:])
	if line, ok := strings.CutPrefix(string(start[:n]), "#!"); ok {
		line, _, _ = strings.Cut(line, "\n")
		if words := strings.Fields(line); len(words) > 0 {
			return words[0]
		}
		return ""
	}
	return elfInterpreter(f, start[:n])
}

// elfInterpreter reads a 64-bit program's PT_INTERP: elf(5). start is the file's
// beginning, with the header.
func elfInterpreter(f io.ReaderAt, start []byte) string {
	const (
		ptInterp = 3
		elfHead  = 64 // bytes of the header
		progHead = 56 // bytes of a program header
	)
	le := binary.LittleEndian
	if len(start) < elfHead || string(start[:6]) != "\x7fELF\x02\x01" {
		return ""
	}
	offset, number := le.Uint64(start[32:]), int(le.Uint16(start[56:]))
	for i := range min(number, 64) {
		var p [progHead]byte
		if _, err := f.ReadAt(p[:], int64(offset)+int64(i*progHead)); err != nil {
			return ""
		}
		if size := le.Uint64(p[32:]); le.Uint32(p[:]) == ptInterp && size < unix.PathMax {
			b := make([]byte, size)
			if _, err := f.ReadAt(b, int64(le.Uint64(p[8:]))); err != nil {
				return ""
			}
			return strings.TrimRight(string(b), "\x00")
		}
	}
	return ""
}

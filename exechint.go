// Chapter 15: the program, when execve(2) refuses it.
//
// execve(2), elf(5), openat2(2) RESOLVE_IN_ROOT, statfs(2) ST_NOEXEC; exit statuses 126
// and 127 as in sh(1).
//
// Nothing here is part of the plan. When the step has failed, the launcher looks at the
// command's file as the container would have seen it.

package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// execStatus returns the exit status for a command that could not be executed: 127 if it does
// not exist, 126 if it does.
func (c *config) execStatus(file string, e syscall.Errno) int {
	if e == unix.ENOENT && c.statInside(c.existing(file)) == nil {
		return 127
	}
	return 126
}

// ownCommand returns a hint for a user who has written a command of tincan's own after a flag,
// where the container's command belongs.
func ownCommand(name string) string {
	if namesCommand([]string{name}) {
		return fmt.Sprintf("; tincan's own %[1]s comes before all flags: tincan %[1]s ...", name)
	}
	if near := nearest(name, commandNames[:]); near != "" {
		return "; did you mean tincan " + near + "?"
	}
	return ""
}

// elsewhere returns a hint if a file that the container does not have exists on the host: in a
// directory that is private in the container, or in the caller's working directory.
func (c *config) elsewhere(file string) string {
	if !strings.HasPrefix(file, "/") {
		here, err := filepath.Abs(file)
		if err != nil || !exists(here) {
			return ""
		}
		return fmt.Sprintf("; it is in the current directory of the host, but the command starts in the container's %s: use --here, or -a %s:/%s -- /%s", c.workdir, file, path.Base(file), path.Base(file))
	}
	private := c.privateAbove(path.Clean(file))
	if private == "" {
		return ""
	}
	source := path.Join(c.root.dir, file)
	if !exists(source) {
		return fmt.Sprintf("; %s is private in the container and empty there", private)
	}
	return fmt.Sprintf("; %s is private in the container and empty there; add the file: -a %s:%s, or, from its directory, --here", private, source, file)
}

// hintExec explains the errnos of execve, whose standard texts say little.
func (c *config) hintExec(file string, e syscall.Errno) string {
	switch e {
	case unix.ENOENT:
		return c.hintMissing(c.existing(file))
	case unix.ELOOP:
		return file + ": leads through a link of /proc to a file outside the container, as /proc/self/exe leads to tincan's own, or through too many symlinks"
	case unix.ENOEXEC:
		return c.hintFormat(file)
	case unix.ETXTBSY:
		return "a program on this host has " + file + " open for writing: wait until it has ended, or end it"
	case unix.EMFILE:
		return fmt.Sprintf("the command may have only %d open files (--rlimit=nofile, or the caller's own limit, ulimit -Hn), and that is too few to start it: allow at least 16", c.openFiles())
	case unix.EACCES:
		if fi := c.statInside(file); fi != nil && fi.Mode&unix.S_IFMT == unix.S_IFDIR {
			return file + ": is a directory"
		}
		if c.noExec(file) {
			return file + ": is on a file system that is mounted noexec, so no program in it can be executed: copy the program to another one, or mount it without noexec (mount -o remount,exec)"
		}
		return fmt.Sprintf("%s: the container's user, %d:%d on the host, may not execute it: chmod +x, and o+x on the directories above it", file, c.hostUID, c.hostGID)
	}
	return ""
}

// existing returns the first of the command's files that exists in the container, or file. The
// kernel was asked for each of them in turn, and the last one's error was reported.
func (c *config) existing(file string) string {
	if !strings.Contains(c.argv[0], "/") {
		for _, f := range candidates(c.argv[0], c.env) {
			if c.statInside(f) != nil {
				return f
			}
		}
	}
	return file
}

// hintMissing explains ENOENT: the file does not exist, or an interpreter does not.
func (c *config) hintMissing(file string) string {
	if c.statInside(file) == nil {
		if !strings.Contains(c.argv[0], "/") {
			return fmt.Sprintf("%s: command not found in the container's PATH", c.argv[0]) + ownCommand(c.argv[0])
		}
		return file + ": no such file in the container" + c.elsewhere(file)
	}
	by := file
	for _, i := range c.interpreters(list(file)) {
		if line, cr := strings.CutSuffix(i, "\r"); cr {
			return fmt.Sprintf("%s exists, but its #! line ends as on Windows, so it names the interpreter %s instead of %s: remove the carriage returns, for instance with sed -i 's/\\r$//'", by, quote(i), line)
		}
		if c.statInside(i) == nil {
			return fmt.Sprintf("%s exists, but the interpreter that it names does not: %s\n%s", by, i, addInterpreter(i))
		}
		by = i
	}
	return by + " exists, but a file that it needs to start does not: if it is a 32-bit program, its loader, usually /lib/ld-linux.so.2"
}

// addInterpreter says how an interpreter of the host gets into the container. A dynamic loader is
// often a symlink into another directory, which also has the libraries.
func addInterpreter(file string) string {
	if !exists(file) {
		return "it does not exist on this host either: correct the name, or install it"
	}
	flags := ""
	for links := 0; links < 5; links++ {
		dir := path.Dir(file)
		if strings.HasPrefix(dir, "/lib") {
			dir, _, _ = strings.Cut(dir[1:], "/")
			dir = "/" + dir
		}
		if dir == "/" {
			dir = file
		}
		if add := " -a " + dir + ":" + dir; !strings.Contains(flags+" ", add+" ") {
			flags += add
		}
		to, err := os.Readlink(file)
		if err != nil {
			break
		}
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(file), to)
		}
		file = to
	}
	return "add it, for instance" + flags
}

// hintFormat explains ENOEXEC.
func (c *config) hintFormat(file string) string {
	start := make([]byte, 4)
	n := 0
	if fd, e := c.openInside(file, unix.O_RDONLY); e == 0 {
		n, _ = sysPread(fd, start, 0)
		sysClose(fd)
	}
	switch {
	case n == 0:
		return file + ": is an empty file"
	case string(start) == "\x7fELF":
		return file + ": is a program for another kind of processor than this machine's (" + runtime.GOARCH + "), or a damaged one"
	}
	return file + ": is neither a program nor a script with a #! line; to run it as a shell script: sh " + file
}

// openFiles returns the limit of open files that the command gets.
func (c *config) openFiles() uint64 {
	for _, r := range c.rlimits {
		if r.resource == unix.RLIMIT_NOFILE {
			return r.cur
		}
	}
	return 0
}

// noExec reports whether the file is on a mount whose programs cannot be executed.
func (c *config) noExec(file string) bool {
	fd, e := c.openInside(file, unix.O_PATH)
	if e != 0 {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}

// statInside looks a file up in the root directory or below an -a, as the container would. It
// returns nil if it does not find the file.
func (c *config) statInside(file string) *unix.Stat_t {
	fd, e := c.openInside(file, unix.O_PATH)
	if e != 0 {
		return nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return nil
	}
	return &st
}

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
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// execStatus returns the exit status for a command that could not be executed: 127 if it does
// not exist, 126 if it does.
func (c *config) execStatus(file string, e syscall.Errno) int {
	if i, _ := c.interpreterOf(file); e == unix.ENOENT && i == "" {
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
		if i, _ := c.interpreterOf(file); i != "" {
			if line, cr := strings.CutSuffix(i, "\r"); cr {
				return fmt.Sprintf("%s exists, but its #! line ends as on Windows, so it names the interpreter %s instead of %s: remove the carriage returns, for instance with sed -i 's/\\r$//'", file, quote(i), line)
			}
			return fmt.Sprintf("%s exists, but the interpreter that it names does not: %s\nadd it, for instance -a %s:%s", file, i, path.Dir(i), path.Dir(i))
		}
		if !strings.Contains(c.argv[0], "/") {
			return fmt.Sprintf("%s: command not found in the container's PATH", c.argv[0]) + ownCommand(c.argv[0])
		}
		return file + ": no such file in the container" + c.elsewhere(file)
	case unix.ELOOP:
		return file + ": leads through a link of /proc to a file outside the container, as /proc/self/exe leads to tincan's own, or through too many symlinks"
	case unix.ENOEXEC:
		return file + ": neither a program for this machine nor a script with a #! line; a script without one needs its shell named: sh " + file
	case unix.EACCES:
		if fi := c.statInside(file); fi != nil && fi.Mode&unix.S_IFMT == unix.S_IFDIR {
			return file + ": is a directory"
		}
		if c.noExec(file) {
			return file + ": is on a file system that is mounted noexec, so nothing in it can be executed"
		}
		return fmt.Sprintf("%s: the container's user, %d:%d on the host, may not execute it: chmod +x, and o+x on the directories above it", file, c.hostUID, c.hostGID)
	}
	return ""
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

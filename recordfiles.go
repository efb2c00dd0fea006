// tincan record --files and --apparmor-out: which files the calls use. man 2 process_vm_readv, man
// 2 openat2, man 5 proc_pid_root, man 7 apparmor.
//
// The path is read from the caller's memory while the call waits. Another thread can change it
// before the kernel reads it: from outside of the process this cannot be prevented. The path is
// resolved in the caller's root directory, because AppArmor's rules apply to the file at the end
// of all symlinks.

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// What is done to a file, as bits, in the order of AppArmor's letters.
const (
	useRead = 1 << iota
	useWrite
	useMap
	useLock
	useLink
	useExec
	useLetters = "rwmklx"
)

// A pathCall is a row of the table: calls, and the argument that is a path.
type pathCall struct {
	calls string
	dir   int // the argument that is a directory's descriptor, or -1 for the working directory
	path  int // the argument that is the path, or a descriptor
	kind  pathKind
}

type pathKind uint8

const (
	opensFile        pathKind = iota // the next argument is the flags
	opensByHow                       // the next argument is a struct open_how
	changesFile                      // the file is made, removed or changed
	changesDirectory                 // the same for a directory; AppArmor wants a slash at the end of its name
	linksFile                        // a second name is made
	runsFile                         // executed
	talksToSocket                    // a struct sockaddr; the next argument is its length
	locksFile                        // a descriptor
	controlsFile                     // a descriptor; the next argument is the command of fcntl(2)
	mapsFile                         // a descriptor
)

// pathCalls is the table. Calls that only look at a file's attributes are left out, because
// AppArmor allows them always.
var pathCalls = [...]pathCall{
	{"open", -1, 0, opensFile}, {"openat", 0, 1, opensFile}, {"openat2", 0, 1, opensByHow},
	{"execve", -1, 0, runsFile}, {"execveat", 0, 1, runsFile},
	{"connect bind", 0, 1, talksToSocket}, {"sendto", 0, 4, talksToSocket},
	{"creat unlink mknod chmod chown lchown truncate truncate64 utime utimes rename", -1, 0, changesFile}, {"rename symlink", -1, 1, changesFile},
	{"unlinkat mknodat fchmodat fchmodat2 fchownat renameat renameat2", 0, 1, changesFile}, {"renameat renameat2", 2, 3, changesFile}, {"symlinkat", 1, 2, changesFile},
	{"mkdir rmdir", -1, 0, changesDirectory}, {"mkdirat", 0, 1, changesDirectory},
	{"link", -1, 0, linksFile}, {"link", -1, 1, linksFile}, {"linkat", 0, 1, linksFile}, {"linkat", 2, 3, linksFile},
	{"flock", 0, 0, locksFile}, {"fcntl fcntl64", 0, 0, controlsFile},
	{"mmap mmap2", 0, 4, mapsFile},
}

// fileUses holds the files and sockets that were used.
type fileUses struct {
	files    map[string]int  // path: what was done to the file
	networks map[string]bool // rules for AppArmor
	text     int             // length of all paths, in bytes
	full     bool            // some paths were not kept
}

// Limits for a command that makes up more and more names: the memory of the recorder does not
// count as the container's.
const (
	mostPaths    = 65536
	mostText     = 16 << 20 // bytes of all paths
	mostPrograms = 4096
	mostUses     = 65536 // a call counts once for each program that makes it
)

// newFileUses returns an empty list of files.
func newFileUses() *fileUses {
	return &fileUses{files: map[string]int{}, networks: map[string]bool{}}
}

// add records what is done to a file.
func (f *fileUses) add(file string, done int) {
	if _, known := f.files[file]; !known {
		if f.full || len(f.files) >= mostPaths || f.text+len(file) > mostText {
			f.full = true
			return
		}
		f.text += len(file)
	}
	f.files[file] |= done
}

// note records the files of a call. The caller waits meanwhile.
func (f *fileUses) note(fd int, n *seccompNotif, u *use) {
	if u.name == "socket" || u.name == "socketpair" {
		f.network(n.args[0], n.args[1]&0xf)
		return
	}
	if u.paths == nil {
		u.paths = pathsOf(u.name)
	}
	for i := range u.paths {
		c := &u.paths[i]
		if file, done := c.look(int(n.pid), &n.args); file != "" && idValid(fd, n) {
			f.add(shared(file), done)
		}
	}
}

// pathsOf returns the rows for a call. The result is never nil.
func pathsOf(call string) []pathCall {
	out := []pathCall{}
	for _, c := range pathCalls {
		for _, name := range strings.Fields(c.calls) {
			if name == call {
				out = append(out, c)
			}
		}
	}
	return out
}

// look returns the file that an argument names, and what is done to it. The name is empty if the
// call does not use a file, or if the file cannot be determined.
func (c *pathCall) look(pid int, args *[6]uint64) (file string, done int) {
	switch c.kind {
	case locksFile:
		return descriptorPath(pid, args[c.path]), useLock
	case controlsFile:
		if !isLockCommand(args[1]) {
			return "", 0
		}
		return descriptorPath(pid, args[c.path]), useLock
	case mapsFile:
		if args[2]&unix.PROT_EXEC == 0 || int32(args[c.path]) < 0 {
			return "", 0
		}
		return descriptorPath(pid, args[c.path]), useMap | useRead
	case talksToSocket:
		return socketPath(pid, args[c.path], args[c.path+1]), useRead | useWrite
	}
	name, dir := stringIn(pid, args[c.path]), int32(unix.AT_FDCWD)
	if c.dir >= 0 {
		dir = int32(args[c.dir])
	}
	switch {
	case name == "" && c.kind == runsFile && c.dir >= 0:
		return descriptorPath(pid, uint64(dir)), useExec | useRead | useMap // execveat, AT_EMPTY_PATH
	case name == "":
		return "", 0
	case c.kind == opensFile:
		return openedFile(pid, dir, name, args[c.path+1])
	case c.kind == opensByHow:
		how := memoryOf(pid, args[c.path+1], 8) // struct open_how begins with the flags
		if len(how) < 8 {
			return "", 0
		}
		return openedFile(pid, dir, name, binary.LittleEndian.Uint64(how))
	case c.kind == runsFile:
		if file = resolved(pid, dir, name, true); strings.HasSuffix(file, absent) {
			return "", 0 // the program is not in this directory of PATH
		}
		return file, useExec | useRead | useMap
	}
	file = strings.TrimSuffix(resolved(pid, dir, name, false), absent)
	if c.kind == changesDirectory && file != "" && !strings.HasSuffix(file, "/") {
		file += "/"
	}
	if c.kind == linksFile {
		return file, useLink | useRead | useWrite
	}
	return file, useWrite
}

// isLockCommand reports whether a command of fcntl(2) needs the right to lock: F_SETLK, F_SETLKW,
// i386's F_SETLK64 and F_SETLKW64, F_OFD_SETLK, F_OFD_SETLKW.
func isLockCommand(command uint64) bool {
	switch command {
	case 6, 7, 13, 14, 37, 38:
		return true
	}
	return false
}

// socketPath returns the path in a struct sockaddr_un of the process (unix(7)), or "" for any
// other address.
func socketPath(pid int, at, length uint64) string {
	const longest = 110 // bytes of the structure
	b := memoryOf(pid, at, int(min(length, longest)))
	if len(b) < 4 || b[0] != unix.AF_UNIX || b[1] != 0 || b[2] == 0 {
		return ""
	}
	name, _, _ := strings.Cut(string(b[2:]), "\x00")
	return strings.TrimSuffix(resolved(pid, unix.AT_FDCWD, name, true), absent)
}

// openedFile returns the file that open(2) with these flags opens or makes, and what the flags
// allow to do to it. For O_TMPFILE it returns a pattern, because the kernel chooses the file's
// name.
func openedFile(pid int, dir int32, name string, flags uint64) (file string, done int) {
	if flags&unix.O_PATH != 0 {
		return "", 0
	}
	done = [4]int{useRead, useWrite, useRead | useWrite, useRead | useWrite}[flags&unix.O_ACCMODE]
	if flags&unix.O_TRUNC != 0 {
		done |= useWrite
	}
	file = resolved(pid, dir, name, flags&unix.O_NOFOLLOW == 0)
	if flags&unix.O_TMPFILE == unix.O_TMPFILE {
		return file + "#*", done
	}
	file, isAbsent := strings.CutSuffix(file, absent)
	switch {
	case isAbsent && flags&unix.O_CREAT == 0:
		return "", 0
	case isAbsent:
		done |= useWrite
	}
	return file, done
}

// absent is appended to the path of a file that does not exist. A real path has no zero byte.
const absent = "\x00"

// resolved returns where a path leads in the process's root directory. The result ends with a
// slash if it is a directory. Paths in /proc are not resolved, because the links there depend on
// the process that follows them.
func resolved(pid int, dir int32, name string, follow bool) string {
	if !strings.HasPrefix(name, "/") {
		base := fmt.Sprintf("/proc/%d/cwd", pid)
		if dir != unix.AT_FDCWD {
			base = fmt.Sprintf("/proc/%d/fd/%d", pid, dir)
		}
		at, err := os.Readlink(base)
		if err != nil || !strings.HasPrefix(at, "/") {
			return ""
		}
		name = at + "/" + name
	}
	if clean := path.Clean(name); clean == "/proc" || strings.HasPrefix(clean, "/proc/") {
		return clean
	}
	root, e := sysOpen(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH, 0)
	if e != 0 {
		return ""
	}
	defer sysClose(root)
	flags := uint64(unix.O_PATH)
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	const how = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	fd, e := sysOpenat2(root, name, flags, how)
	last := ""
	if e == unix.ENOENT {
		last = path.Base(name)
		fd, e = sysOpenat2(root, path.Dir(strings.TrimRight(name, "/")), unix.O_PATH, how)
	}
	if e != 0 {
		return ""
	}
	defer sysClose(fd)
	file, e := pathOf(fd)
	var st unix.Stat_t
	switch {
	case e != 0 || strings.HasSuffix(file, " (deleted)"):
		return ""
	case last != "":
		return path.Join(file, last) + absent
	case sysFstat(fd, &st) == 0 && isDir(&st) && file != "/":
		return file + "/"
	}
	return file
}

// descriptorPath returns the path of the file that a descriptor of the process is open for, or "".
func descriptorPath(pid int, fd uint64) string {
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd)))
	if err != nil || !strings.HasPrefix(file, "/") || strings.HasSuffix(file, " (deleted)") || strings.HasPrefix(file, "/memfd:") {
		return ""
	}
	return file
}

// memoryOf reads the memory of a process, at most n bytes of it.
func memoryOf(pid int, at uint64, n int) []byte {
	b := make([]byte, n)
	if n == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(n)
	got, _ := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: n}}, 0)
	return b[:max(got, 0)]
}

// stringIn reads a string of the process. It reads page by page, because the next page may not be
// mapped.
func stringIn(pid int, at uint64) string {
	const page = 4096
	var s []byte
	for len(s) < unix.PathMax {
		b := memoryOf(pid, at+uint64(len(s)), page-int((at+uint64(len(s)))%page))
		for i, c := range b {
			if c == 0 {
				return string(append(s, b[:i]...))
			}
		}
		if len(b) == 0 {
			break
		}
		s = append(s, b...)
	}
	return ""
}

// list returns the lines for --files: what was done, and to which file.
func (f *fileUses) list() (lines []string) {
	for _, file := range f.sorted() {
		lines = append(lines, fmt.Sprintf("%-5s %s", letters(f.files[file]), file))
	}
	return lines
}

func (f *fileUses) sorted() []string {
	var all []string
	for file := range f.files {
		all = append(all, file)
	}
	sort.Strings(all)
	return all
}

// letters returns the uses of a file as AppArmor writes them.
func letters(done int) (s string) {
	for i := range useLetters {
		if done>>i&1 != 0 {
			s += useLetters[i : i+1]
		}
	}
	return s
}

// Files and paths of the host, in both modes.
//
// open(2), getdents64(2), path_resolution(7), proc(5).
//
// Differs from the tutorial: the tutorial uses the standard library, which in Go needs the
// runtime.

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writeFile writes text to an existing file in a single write(2), as files of cgroupfs and
// procfs require.
func writeFile(file, text string) syscall.Errno {
	f, e := sysOpen(file, unix.O_WRONLY, 0)
	if e != 0 {
		return e
	}
	n, e := sysWrite(f, text)
	sysClose(f)
	if e == 0 && n != len(text) {
		return unix.ENOSPC
	}
	return e
}

// readFile reads a file to its end.
func readFile(file string) (string, syscall.Errno) {
	f, e := sysOpen(file, unix.O_RDONLY, 0)
	if e != 0 {
		return "", e
	}
	text, e := readAll(f)
	sysClose(f)
	return text, e
}

// readAll reads from a descriptor to the end. Files of procfs do not report their size, and
// return one page at a time.
func readAll(f int) (string, syscall.Errno) { return readMost(f, math.MaxInt-1) }

// readMost is readAll with a limit. If there are more than most bytes, even if they are added
// while it reads, the error is EFBIG.
func readMost(f, most int) (string, syscall.Errno) {
	b := space(4096)
	have := 0
	for {
		n, e := sysRead(f, b[have:min(len(b), most+1)])
		if e == 0 && have+n > most {
			e = unix.EFBIG
		}
		if e != 0 {
			return "", e
		}
		if n == 0 {
			return stringOf(trim(b, have)), ok
		}
		if have += n; len(b)-have < 1024 {
			more := space(4 * len(b))
			copy(more, b[:have])
			b = more
		}
	}
}

// nextLine returns the first line of text, without the line break, and the text after it.
func nextLine(text string) (line, rest string) {
	line, rest, _ = cut(text, "\n")
	return line, rest
}

// names returns the names in the directory dir below the directory at, except . and .. If there
// are more than most of them, the error is E2BIG.
func names(at int, dir string, most int) ([]string, syscall.Errno) {
	f, e := sysOpenat(at, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if e != 0 {
		return nil, e
	}
	var out []string
	b := space(4096)
	for {
		n, e := sysGetdents(f, b)
		if e != 0 || n == 0 {
			sysClose(f)
			return out, e
		}
		for at := 0; at < n; {
			s, _, length := dirEntry(b[at:])
			if s != "." && s != ".." {
				out = add(out, text(s))
			}
			at += length
		}
		if len(out) > most {
			sysClose(f)
			return nil, unix.E2BIG
		}
	}
}

// dirEntry reads the first entry of a result of getdents64(2): its name, the position after it
// in the directory, and its length in b.
func dirEntry(b []byte) (name string, position, length int) {
	// The fields of struct linux_dirent64: ino, off, reclen, type, name.
	const off, reclen, nameAt = 8, 16, 19
	position = int(*(*uint64)(unsafe.Pointer(&b[off])))
	length = int(*(*uint16)(unsafe.Pointer(&b[reclen])))
	return gostring(unsafe.Pointer(&b[nameAt])), position, length
}

// exists reports whether there is a file with this name. A dangling symlink counts too.
func exists(file string) bool {
	var st unix.Stat_t
	return sysLstat(file, &st) == 0
}

// isDir reports whether a file is a directory.
func isDir(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// realPath returns the absolute name of a file without symlinks, as the kernel names it when it
// is open.
func realPath(p string) (string, syscall.Errno) {
	f, name, e := openReal(p)
	if e == 0 {
		sysClose(f)
	}
	return name, e
}

// openReal opens a file with O_PATH, and also returns what realPath returns. Later checks use
// the descriptor, so another user cannot replace the file meanwhile.
func openReal(p string) (fd int, name string, e syscall.Errno) {
	if fd, e = sysOpen(p, unix.O_PATH, 0); e != 0 {
		return -1, "", e
	}
	if name, e = pathOf(fd); e != 0 {
		sysClose(fd)
		return -1, "", e
	}
	return fd, name, 0
}

// pathOf returns the name of an open file.
func pathOf(fd int) (string, syscall.Errno) {
	name, e := sysReadlink(text("/proc/self/fd/", decimal(fd)))
	if e == 0 && !hasPrefix(name, "/") {
		return "", unix.ENOENT // "(unreachable)": the file is outside of the root directory
	}
	return name, e
}

// cleanPath does what path.Clean does, for an absolute path.
func cleanPath(p string) string {
	b := space(len(p) + 2)
	n := 0
	for p != "" {
		var name string
		name, p, _ = cut(p, "/")
		switch name {
		case "", ".":
		case "..":
			for n > 0 {
				n--
				if b[n] == '/' {
					break
				}
			}
		default:
			b[n] = '/'
			n += 1 + copy(b[n+1:], name)
		}
	}
	if n == 0 {
		return "/"
	}
	return unsafe.String(&b[0], n)
}

// parentDir does what path.Dir does, for a clean absolute path.
func parentDir(p string) string {
	if i := lastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}

// baseName does what path.Base does, for a clean absolute path.
func baseName(p string) string { return p[lastIndexByte(p, '/')+1:] }

// mostLinks is how many symlinks the kernel follows (path_resolution(7)).
const mostLinks = 40

// pathWalk follows an absolute path name by name, as the kernel does (path_resolution(7)), for
// callers that look at each name themselves. If next's result is a symlink, the caller calls
// follow; otherwise it sets done to the result.
type pathWalk struct {
	done, rest string // done is absolute and has no symlinks
	links      int    // number of symlinks followed
}

// next returns the path of the next name, or "" at the end.
func (w *pathWalk) next() string {
	for w.rest != "" {
		var name string
		name, w.rest, _ = cut(w.rest, "/")
		switch name {
		case "", ".":
		case "..":
			w.done = parentDir(w.done)
		default:
			return text(withoutEnd(w.done, "/"), "/", name)
		}
	}
	return ""
}

// follow goes on with what the symlink contains, or returns ELOOP if that were too many symlinks.
func (w *pathWalk) follow(link string) syscall.Errno {
	if w.links++; w.links > mostLinks {
		return unix.ELOOP
	}
	if hasPrefix(link, "/") {
		w.done = "/"
	}
	w.rest = text(link, "/", w.rest)
	return 0
}

// below returns the part of p after dir, and whether p is dir or is below it. Both paths are
// clean.
func below(p, dir string) (rest string, ok bool) {
	if p == dir {
		return "", true
	}
	if dir == "/" {
		return cutPrefix(p, "/")
	}
	if rest, ok = cutPrefix(p, dir); ok {
		return cutPrefix(rest, "/")
	}
	return p, false
}

// plural returns "1 var", "2 vars" or "2 processes".
func plural(n int, word string) string {
	switch {
	case n == 1:
		return text("1 ", word)
	case hasSuffix(word, "s"):
		return text(decimal(n), " ", word, "es")
	}
	return text(decimal(n), " ", word, "s")
}

// checkProc returns an error if /proc is not the kernel's. The maps of ids are written there,
// and an ordinary directory would accept them silently. In the /proc of another PID namespace,
// the number of a process would mean another process.
func checkProc() error {
	var st unix.Statfs_t
	if e := sysStatfs("/proc", &st); e != 0 {
		return failedCall("statfs", "/proc", "", e).hinted(hintNoProc)
	}
	if st.Type != unix.PROC_SUPER_MAGIC {
		return fault(func() error {
			return errors.New("/proc is not the kernel's file system of processes: mount -t proc proc /proc")
		})
	}
	if self, e := sysReadlink("/proc/self"); e != 0 || self != decimal(sysGetpid()) {
		return fault(func() error {
			return fmt.Errorf("/proc belongs to another PID namespace, in which this process is %q instead of %d: mount -t proc proc /proc (unshare --mount-proc, bwrap --proc /proc)", self, os.Getpid())
		})
	}
	return nil
}

func hintNoProc(syscall.Errno) string {
	return "tincan reads and writes /proc: mount -t proc proc /proc"
}

// passCredentials makes each message carry the sender's process id as the host sees it, because
// the container does not know that number (unix(7), SO_PASSCRED).
func passCredentials(socket int) error {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return &callError{call: "setsockopt(SOL_SOCKET, SO_PASSCRED, [1])", err: err}
	}
	return nil
}

// message is the result of receive: the number of bytes, the sender, and the descriptor that
// came with it.
type message struct{ n, pid, fd int }

// receive reads a message. n is 0 at the end, and fd is -1 if there is no descriptor.
func receive(socket int, b []byte) (message, error) {
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4))
	m := message{fd: -1}
	var on int
	_, err := retry(func() (int, error) {
		var err error
		m.n, on, _, _, err = unix.Recvmsg(socket, b, oob, unix.MSG_CMSG_CLOEXEC)
		return m.n, err
	})
	if err != nil || m.n == 0 {
		return message{fd: -1}, err
	}
	parts, err := unix.ParseSocketControlMessage(oob[:on])
	if err != nil {
		return m, err
	}
	for i := range parts {
		if cred, err := unix.ParseUnixCredentials(&parts[i]); err == nil {
			m.pid = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&parts[i]); err == nil && len(fds) == 1 {
			m.fd = fds[0]
		}
	}
	return m, nil
}

// retry repeats a call of Go's syscall package that a signal interrupts.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}

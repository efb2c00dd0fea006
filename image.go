// What an initramfs contains: files and trees of the host, under their names in the machine.
//
// Hard links stay hard links. Owners stay the same, except that the caller's own files belong to
// root in the machine, so that making an image does not need root.

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// image is the content of an archive.
type image struct {
	entries map[string]*cpioEntry // by path
	inodes  map[[2]uint64]uint32  // the number of each file with several names, by device and inode
	output  [2]uint64             // the archive itself, which must not be in the image
}

// add adds what HOST:PATH describes.
func (m *image) add(s string) error {
	parts := splitColons(s)
	if len(parts) != 2 || parts[0] == "" {
		return fmt.Errorf("not HOST:PATH, for instance %s:/rootfs (a colon in a name is written \\:)", parts[0])
	}
	to := path.Clean(parts[1])
	switch {
	case !path.IsAbs(to):
		return fmt.Errorf("%q in the machine is not an absolute path, which would begin with /", parts[1])
	case strings.Contains("/"+parts[1]+"/", "/../"):
		return fmt.Errorf("%q in the machine: `..` is not allowed here", parts[1])
	}
	for _, dir := range hidden {
		if _, ok := below(to, dir); ok {
			return fmt.Errorf("/init mounts a file system of its own on %s, which hides everything below it: choose another place", dir)
		}
	}
	from, err := filepath.EvalSymlinks(parts[0])
	if err != nil {
		return err
	}
	fi, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		if to == "/" {
			return errors.New("a file cannot be the machine's root directory: give it a name")
		}
		return m.addFile(from, to[1:])
	}
	return filepath.WalkDir(from, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, p)
		if name := path.Join(to, rel); name != "/" {
			return m.addFile(p, name[1:])
		}
		return nil
	})
}

// addFile adds one file of any type, without the contents of a directory. The name of the file
// may be a symlink only if it is /proc/self/exe.
func (m *image) addFile(from, to string) error {
	var st unix.Stat_t
	stat := unix.Lstat
	if from == "/proc/self/exe" {
		stat = unix.Stat
	}
	if err := stat(from, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: from, Err: err}
	}
	id := [2]uint64{st.Dev, st.Ino}
	if id == m.output {
		return fmt.Errorf("the archive is being written into %s: write it to a place outside of the directory that is added", filepath.Dir(from))
	}
	e := &cpioEntry{path: to, mode: st.Mode, uid: rootFor(st.Uid, os.Getuid()), gid: rootFor(st.Gid, os.Getgid()), rdev: st.Rdev}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if st.Size > math.MaxUint32 {
			return fmt.Errorf("%s: the file has %d bytes, but a file in such an archive can have at most 4 GiB", from, st.Size)
		}
		e.rdev, e.size = 0, st.Size
		e.body = func(w io.Writer) error { return copyFrom(from, &st, w) }
		if st.Nlink > 1 {
			m.link(id, e)
		}
	case unix.S_IFLNK:
		target, err := os.Readlink(from)
		if errors.Is(err, unix.EINVAL) {
			return changing(from)
		} else if err != nil {
			return err
		}
		e.rdev, e.size = 0, int64(len(target))
		e.body = func(w io.Writer) error { _, err := io.WriteString(w, target); return err }
	case unix.S_IFDIR:
		e.rdev = 0
	}
	return m.put(e)
}

// rootFor returns 0, root in the machine, for an id of the caller.
func rootFor(id uint32, caller int) uint32 {
	if int(id) == caller {
		return 0
	}
	return id
}

// link sets the inode number that the entry shares with the file's other names.
func (m *image) link(id [2]uint64, e *cpioEntry) {
	if m.inodes[id] == 0 {
		m.inodes[id] = uint32(len(m.inodes) + 1)
	}
	e.ino = m.inodes[id]
}

// put adds e, with the directories that lead to it. If there are two entries with the same path,
// the later one is used, unless only one of them is a directory.
func (m *image) put(e *cpioEntry) error {
	const dir = unix.S_IFDIR
	if old := m.entries[e.path]; old != nil && (old.mode&unix.S_IFMT == dir) != (e.mode&unix.S_IFMT == dir) {
		return fmt.Errorf("/%s would be both a directory and a file", e.path)
	}
	m.entries[e.path] = e
	for up := path.Dir(e.path); up != "."; up = path.Dir(up) {
		switch old := m.entries[up]; {
		case old == nil:
			m.entries[up] = &cpioEntry{path: up, mode: dir | 0o755}
		case old.mode&unix.S_IFMT == unix.S_IFLNK:
			return fmt.Errorf("/%s is a symlink in the image, and /%s would be below it: use the real path", up, e.path)
		case old.mode&unix.S_IFMT != dir:
			return fmt.Errorf("/%s would be both a file and a directory that contains %s", up, path.Base(e.path))
		}
	}
	return nil
}

// checkInit returns an error if the kernel could not start /init, which would make it panic.
func (m *image) checkInit() error {
	e := m.entries["init"]
	switch {
	case e.mode&unix.S_IFMT == unix.S_IFLNK:
		return nil
	case e.mode&unix.S_IFMT != unix.S_IFREG || e.mode&0o111 == 0:
		return errors.New("the kernel starts this file, so it must be an executable program")
	}
	start := &firstBytes{room: 4096}
	e.body(start)
	if i := elfInterpreter(-1, start.b); i != "" && m.entries[strings.TrimPrefix(i, "/")] == nil {
		return fmt.Errorf("the program needs %s, which is not in the image: add it, or use a statically linked program (tincan itself is one if make has built it)", i)
	}
	return nil
}

// firstBytes keeps the first bytes that are written to it.
type firstBytes struct {
	b    []byte
	room int
}

func (f *firstBytes) Write(p []byte) (int, error) {
	f.b = append(f.b, p[:min(len(p), f.room-len(f.b))]...)
	if len(f.b) == f.room {
		return 0, io.ErrShortWrite // enough bytes have been read
	}
	return len(p), nil
}

// write writes the archive in the order of the paths, so that a directory comes before its
// contents.
func (m *image) write(w io.Writer) error {
	paths := make([]string, 0, len(m.entries))
	links := map[uint32]uint32{} // how often each number occurs
	for p, e := range m.entries {
		paths = append(paths, p)
		if e.ino != 0 {
			links[e.ino]++
		}
	}
	sort.Strings(paths)
	c := &cpioWriter{w: w}
	number := map[uint32]uint32{} // by the shared number
	for i, p := range paths {
		e := m.entries[p]
		shared := e.ino
		e.ino, e.nlink = uint32(i+1), 1
		if shared != 0 {
			e.nlink = links[shared]
			if first := number[shared]; first != 0 {
				e.ino, e.size = first, 0 // the contents were written with the first name
			} else {
				number[shared] = e.ino
			}
		}
		if err := c.add(e); err != nil {
			return err
		}
	}
	return c.close()
}

func changing(name string) error {
	return fmt.Errorf("%s: this is no longer the same file: something else is changing this directory", name)
}

// copyFrom copies a file, if it is still the file that was checked. A user who owns the
// directory could put another file in its place, or a symlink, or a FIFO that nobody ever writes
// to.
func copyFrom(name string, seen *unix.Stat_t, w io.Writer) error {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	if name == "/proc/self/exe" {
		how.Resolve = 0
	}
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &how)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "fstat", Path: name, Err: err}
	}
	if st.Dev != seen.Dev || st.Ino != seen.Ino || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return changing(name)
	}
	_, err = io.Copy(struct{ io.Writer }{w}, f)
	return err
}

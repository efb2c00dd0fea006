// The archive of an initramfs: cpio, in the format that the kernel unpacks.
//
// Documentation/driver-api/early-userspace/buffer-format.rst, cpio(5) "new ASCII format".
//
// Each entry consists of a header of fourteen hexadecimal numbers, the name, and the contents.
// The last entry has the name TRAILER!!!. The same entries give the same bytes, because there
// are no times in it and the inode numbers are counted here.

package main

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// cpioEntry is one file. Its path is clean and relative, without a leading slash. The path ""
// cannot be written, because the kernel makes the root.
type cpioEntry struct {
	path       string
	mode       uint32 // type and permissions, as in struct stat
	uid, gid   uint32
	rdev       uint64 // the device, for a device node
	size       int64
	ino, nlink uint32 // hard links of one file have the same number, and only the first of them has contents
	body       func(io.Writer) error
}

// cpioWriter writes entries. A directory must come before its contents.
type cpioWriter struct {
	w io.Writer
	n int64 // the number of bytes written
}

func (c *cpioWriter) write(p []byte) error {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return err
}

// pad adds zero bytes up to a multiple of align.
func (c *cpioWriter) pad(align int64) error {
	if rest := c.n % align; rest != 0 {
		return c.write(make([]byte, align-rest))
	}
	return nil
}

// add writes an entry with its contents.
func (c *cpioWriter) add(e *cpioEntry) error {
	h := fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		e.ino, e.mode, e.uid, e.gid, e.nlink, 0, e.size, 0, 0, unix.Major(e.rdev), unix.Minor(e.rdev), len(e.path)+1, 0, e.path)
	if err := c.write(h); err != nil {
		return err
	}
	if err := c.pad(4); err != nil {
		return err
	}
	if e.size > 0 {
		before := c.n
		if err := e.body(writerFunc(c.write)); err != nil {
			return err
		}
		if c.n-before != e.size {
			return fmt.Errorf("%s: the file has %d bytes, but had %d bytes a moment ago", e.path, c.n-before, e.size)
		}
	}
	return c.pad(4)
}

// close writes the last entry. The archive is padded to 512 bytes, as other programs do it.
func (c *cpioWriter) close() error {
	if err := c.add(&cpioEntry{path: "TRAILER!!!", nlink: 1}); err != nil {
		return err
	}
	return c.pad(512)
}

type writerFunc func([]byte) error

func (f writerFunc) Write(p []byte) (int, error) {
	if err := f(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

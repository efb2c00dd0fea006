// `tincan initramfs`: an initramfs with tincan as its /init, in one command.
//
// Documentation/filesystems/ramfs-rootfs-initramfs.rst, bootparam(7).
//
// The kernel unpacks the archive into its first file system and starts /init there; machine.go
// describes what tincan then does. Besides /init, the archive contains what was asked for, and
// two devices that a program needs to start while the kernel has not mounted anything yet. The
// same files give the same bytes, on every machine and at every time.
//
// Differs from the tutorial: the tutorial does not deal with virtual machines.

package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// initramfsCmd is the command line of `tincan initramfs`.
type initramfsCmd struct {
	Output   string   `short:"o" required:"" placeholder:"FILE" help:"The archive to write; compressed if the name ends in .gz; '-' is standard output."`
	Add      []string `sep:"none" placeholder:"HOST:PATH" help:"A file, or a directory with everything in it, to be PATH in the machine (repeatable; \\: is a colon in a name)."`
	ArgsFile string   `placeholder:"FILE" help:"tincan's arguments in the machine, one per line; used if the kernel's command line has none."`
}

func (initramfsCmd) Help() string {
	return `The archive holds this program as /init, and the files. In the machine tincan mounts what programs expect, takes its arguments from the kernel's command line behind -- (see tincan init --help), says how the command ended, and powers off.

Modules of the kernel that are to be loaded first: --add MODULE:/etc/tincan/modules/10-NAME.ko, in the order of their names. A program for another processor: --add PROGRAM:/init. What belongs to the caller belongs to root in the machine; other owners stay.

Example:

  tincan initramfs -o vm.cpio.gz --add ./rootfs:/rootfs
  qemu-system-x86_64 -kernel vmlinuz -initrd vm.cpio.gz -nographic -no-reboot -append "console=ttyS0 quiet panic=-1 -- -m /rootfs -- /bin/true"`
}

// argsFile is the file in which tincan finds its arguments in the machine, and modulesDir the
// directory in which it finds modules.
const (
	argsFile   = "/etc/tincan/args"
	modulesDir = "/etc/tincan/modules"
)

// hidden lists the directories of the machine on which /init mounts something.
var hidden = []string{"/proc", "/sys", "/dev", "/tmp", "/run"}

// write writes the image.
func (c *initramfsCmd) write() (err error) {
	m := &image{entries: map[string]*cpioEntry{}, inodes: map[[2]uint64]uint32{}}
	m.put(&cpioEntry{path: "dev/console", mode: unix.S_IFCHR | 0o600, rdev: unix.Mkdev(5, 1)})
	m.put(&cpioEntry{path: "dev/null", mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(1, 3)})
	if err := m.addFile("/proc/self/exe", "init"); err != nil {
		return err
	}
	m.entries["init"].mode = unix.S_IFREG | 0o755
	if c.ArgsFile != "" {
		if err := checkArgs(c.ArgsFile); err != nil {
			return err
		}
		if err := m.addFile(c.ArgsFile, argsFile[1:]); err != nil {
			return fmt.Errorf("--args-file=%s: %w", c.ArgsFile, err)
		}
	}
	out, done, err := createOutput(c.Output, 0o600)
	if err != nil {
		return fmt.Errorf("-o %s: %w", c.Output, err)
	}
	defer func() { err = errors.Join(err, done(err == nil)) }()
	var st unix.Stat_t
	if unix.Fstat(int(out.Fd()), &st) == nil {
		m.output = [2]uint64{st.Dev, st.Ino}
	}
	for _, s := range c.Add {
		if err := m.add(s); err != nil {
			return fmt.Errorf("--add %s: %w", s, err)
		}
	}
	if err := m.checkInit(); err != nil {
		return fmt.Errorf("/init: %w", err)
	}
	var w io.Writer = out
	if strings.HasSuffix(c.Output, ".gz") {
		z := gzip.NewWriter(out)
		if err := m.write(z); err != nil {
			return fmt.Errorf("-o %s: %w", c.Output, err)
		}
		return z.Close()
	}
	return m.write(w)
}

// createOutput opens a new file with a temporary name, which becomes FILE at the end if
// everything went well. So nothing is written through a symlink, and nobody reads an incomplete
// file.
func createOutput(name string, mode uint32) (f *os.File, done func(ok bool) error, err error) {
	if name == "-" && isTerminal(1) {
		return nil, nil, errors.New("standard output is a terminal, but the archive is not text: give the name of a file")
	}
	if name == "-" {
		return os.Stdout, func(bool) error { return nil }, nil
	}
	switch fi, err := os.Lstat(name); {
	case err != nil || fi.Mode().IsRegular():
	case fi.IsDir():
		return nil, nil, errors.New("this is a directory; give the name of a file")
	case fi.Mode()&fs.ModeCharDevice != 0: // /dev/null
		f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		return f, func(bool) error { return f.Close() }, err
	default:
		return nil, nil, errors.New("this is a symlink, a FIFO or a socket: give the name of a regular file, or of a new file")
	}
	part := fmt.Sprintf("%s.%d", name, os.Getpid())
	fd, err := unix.Open(part, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	// Errors contain the name that the caller gave, not the temporary one.
	f = os.NewFile(uintptr(fd), name)
	return f, func(ok bool) error {
		err := f.Close()
		if ok && err == nil {
			if err = os.Rename(part, name); err == nil {
				return nil
			}
		}
		return errors.Join(err, os.Remove(part))
	}, nil
}

// checkArgs finds mistakes in a file of arguments here, where the user can read the error.
func checkArgs(file string) error {
	b, err := readRegular(file, 1<<20)
	if err != nil {
		return fmt.Errorf("--args-file=%s: %w", file, err)
	}
	if len(argLines(b)) == 0 {
		return fmt.Errorf("--args-file=%s: the file contains no arguments: write one per line, for instance run, -m, /rootfs, --, /bin/true", file)
	}
	if i := strings.IndexByte(b, 0); i >= 0 {
		return fmt.Errorf("--args-file=%s: line %d contains a zero byte", file, 1+strings.Count(b[:i], "\n"))
	}
	return nil
}

// argLines reads a file of arguments: each line is one argument, unchanged. An empty line is an
// empty argument, except for the last one.
func argLines(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

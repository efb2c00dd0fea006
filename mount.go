// Chapters 10 and 16: the container's file system and the added paths.
//
// mount_namespaces(7), pivot_root(2), mount(2), mount_setattr(2), path_resolution(7).
//
// The root directory is mounted on itself and pivoted into, and for a while the
// process stands in two worlds: `/` is the container, while the working directory
// is still the host's /proc, whose `..` is the host's root. Sources are therefore
// relative paths ("../srv/data") and destinations absolute ones ("/data"), and a
// symlink planted in the root directory can lead a destination nowhere but inside
// the container. The new /proc is the last of these mounts: before it there is no
// magic link inside that could lead out. Then the host's whole tree is unmounted.
//
// Where the root cannot take the mount points it needs, because it is read-only or
// is the host's own tree, it is assembled: a tmpfs with one mount for each entry.
//
// Differs from the tutorial: no directory in /tmp and no put_old, so nothing is
// left behind; everything is nosuid, and nodev where devices don't belong; bind
// mounts are recursive and may be read-only; /proc, /sys, /dev and /tmp are there;
// destinations are resolved in the new root only.

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	nosuidnodev = unix.MS_NOSUID | unix.MS_NODEV
	plainFlags  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
)

// mounts is step 10, with step 16 at the place where the host is still in reach.
func mounts(c *config) []*step {
	steps := []*step{
		mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "").
			because("mounts made from here on do not spread to the host, nor the host's to us").hinted(hintPrivate),
	}
	if c.root.assembled {
		steps = append(steps, assembledRoot(c)...)
	} else {
		steps = append(steps, plainRoot(c)...)
	}
	steps = append(steps, private(c)...)
	steps = append(steps, devices(c)...)
	steps = append(steps, sysfs(c)...)
	steps = in(16, steps, added(c))
	steps = append(steps, procfs())
	return append(steps, append([]*step{
		umount("..").because("the host's whole tree goes"),
		chdir("/").because("the working directory was the last way out"),
	}, masks("/proc")...)...)
}

// plainRoot mounts the root directory on itself, since pivot_root(2) wants a mount
// point, and pivots.
func plainRoot(c *config) []*step {
	return []*step{
		mount(c.root.dir, c.root.dir, "", unix.MS_BIND|unix.MS_REC, "").
			because("pivot_root needs a mount point: the root directory, mounted on itself"),
		c.rootAttributes(c.root.dir),
		chdir("/proc").because("the host's: from here on `..` is the host's root"),
		pivot(c.root.dir),
	}
}

// assembly is where an assembled root is put together: any directory would do, and
// /proc is always there. It can still be left by `..` from within.
const assembly = "/proc"

// assembledRoot makes the root from a tmpfs. It has the entries of the root
// directory, mounted one by one, and the mount points that are missing there. The
// attributes are set before the pivot: after it the host's tree is mounted on the
// new root, and a recursive change would reach it too.
func assembledRoot(c *config) []*step {
	steps := []*step{
		chdir("/proc").because("the host's: from here on `..` is the host's root"),
		mount("tmpfs", assembly, "tmpfs", nosuidnodev, "mode=0755").
			because("an empty root, put together below"),
	}
	for _, e := range c.root.entries {
		source, target := filepath.Join(c.root.dir, e.name), assembly+"/"+e.name
		switch {
		case e.link != "":
			steps = append(steps, symlink(e.link, target))
		case e.covered:
			steps = append(steps, mkdir(target, 0o755))
		case e.dir:
			steps = append(steps, mkdir(target, 0o755), mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""))
		default:
			steps = append(steps, mkfile(target), mount(source, target, "", unix.MS_BIND, ""))
		}
	}
	for _, p := range c.root.missing {
		make := mkfile
		if p.dir {
			make = func(dir string) *step { return mkdir(dir, 0o755) }
		}
		steps = append(steps, make(assembly+p.target).because("a mount point"))
	}
	if c.readOnly {
		steps = append(steps, c.rootAttributes(assembly))
	} else {
		steps = append(steps, c.rootAttributes(assembly), mountSetattr(assembly, 0, unix.MOUNT_ATTR_RDONLY).
			because("what would be written here would be lost: the root directory itself is read-only"))
	}
	return append(steps, pivot(assembly))
}

// rootAttributes sets them for the new root and all below it.
func (c *config) rootAttributes(dir string) *step {
	attr := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if c.readOnly {
		attr |= unix.MOUNT_ATTR_RDONLY
	}
	return mountSetattr(dir, unix.AT_RECURSIVE, attr).
		because("no set-user-ID program and no device of the root directory works")
}

func pivot(dir string) *step {
	return pivotRoot(dir, dir).hinted(hintPivot).
		because("`/` is the container now; the working directory stays on the host's side")
}

// hostPath gives an absolute path of the host relative to the host's /proc.
func hostPath(p string) string { return strings.TrimSuffix(".."+p, "/") }

// private mounts an empty tmpfs on each directory that is the container's own.
func private(c *config) []*step {
	var steps []*step
	for _, t := range c.private {
		steps = append(steps, t.parents()...)
		steps = append(steps, mount("tmpfs", t.target, "tmpfs", nosuidnodev, c.tmpfsOptions(t.mode, "")).because(t.why))
	}
	return steps
}

// tmpfsOptions are those of tmpfs(5). Its owner is the container's user, in the
// numbers of the user namespace in which the mount is made.
func (c *config) tmpfsOptions(mode, size string) string {
	uid, _ := c.mounterID(c.maps, c.uid)
	gid, _ := c.mounterID(c.gidMaps, c.gid)
	data := "mode=" + mode + ",uid=" + strconv.Itoa(uid) + ",gid=" + strconv.Itoa(gid)
	if size != "" {
		data += ",size=" + size
	}
	return data
}

// sysfs is read-only, and so is the view of the resource group in it. On cgroup v1
// /sys/fs/cgroup stays the empty directory that sysfs has there.
func sysfs(c *config) []*step {
	steps := []*step{mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY|plainFlags, "").
		because("programs look here for processors and devices; read-only").hinted(hintSys)}
	if c.rootless.on && c.net == "host" {
		steps = hostSys(c)
	}
	if c.group.version() == 2 {
		steps = append(steps, mount("cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_RDONLY|plainFlags, "").
			because("its own group, rooted at /, to be read and not to be changed"))
	}
	return append(steps, masks("/sys")...)
}

// hostSys is the host's own /sys: who does not own the network may not mount another,
// since it lists the network's interfaces. Its view of groups is covered.
func hostSys(c *config) []*step {
	steps := []*step{
		mount(hostPath("/sys"), "/sys", "", unix.MS_BIND|unix.MS_REC, "").
			because("programs look here for processors and devices; the host's own, since the network is the host's"),
		mountSetattr("/sys", unix.AT_RECURSIVE, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC),
	}
	if c.group.version() != 2 {
		steps = append(steps, mount("tmpfs", "/sys/fs/cgroup", "tmpfs", unix.MS_RDONLY|plainFlags, "").or(unix.ENOENT).
			because("the host's groups are not to be seen"))
	}
	return steps
}

// procfs is the last mount that a path leads to. The kernel wants to see the host's
// /proc when it mounts another in a user namespace, so the host's tree is still there.
// The parts that belong to the whole machine are covered when it is gone.
func procfs() *step {
	return mount("proc", "/proc", "proc", plainFlags, "").
		because("the processes of the new PID namespace, and no others").hinted(hintProc)
}

// mask says how a path of /proc or /sys is covered.
type mask struct {
	path string
	how  cover
	why  string
}

type cover uint8

const (
	hideFile cover = iota // the container's /dev/null on it
	hideDir               // an empty read-only tmpfs on it
	readOnly              // itself, read-only
)

// maskTable lists what moby (oci/defaults.go: MaskedPaths and ReadonlyPaths), crun
// and podman cover. A kernel may lack any of them: that is no failure.
var maskTable = []mask{
	{"/proc/acpi", hideDir, "switches of the machine's hardware"},
	{"/proc/asound", hideDir, "the machine's sound devices"},
	{"/proc/interrupts", hideFile, "the timing of other people's keys and packets"},
	{"/proc/kcore", hideFile, "the machine's memory"},
	{"/proc/keys", hideFile, "keys are not in any namespace"},
	{"/proc/key-users", hideFile, "who has keys, on the whole machine"},
	{"/proc/kmsg", hideFile, "the kernel's log"},
	{"/proc/latency_stats", hideFile, "where the whole machine waits"},
	{"/proc/sched_debug", hideFile, "all the machine's processes"},
	{"/proc/scsi", hideDir, "commands to disks"},
	{"/proc/timer_list", hideFile, "all the machine's timers"},
	{"/proc/timer_stats", hideFile, "all the machine's timers, on older kernels"},
	{"/proc/bus", readOnly, "configuration space of the machine's devices"},
	{"/proc/fs", readOnly, "switches of file systems"},
	{"/proc/irq", readOnly, "which processor serves which interrupt"},
	{"/proc/sys", readOnly, "the kernel's settings: few of them are in a namespace"},
	{"/proc/sysrq-trigger", readOnly, "reboots the machine"},
	{"/sys/firmware", hideDir, "the machine's firmware tables and variables"},
	{"/sys/devices/virtual/powercap", hideDir, "power readings fine enough to spy by"},
}

func masks(below string) []*step {
	var steps []*step
	for _, m := range maskTable {
		if !strings.HasPrefix(m.path, below) {
			continue
		}
		switch m.how {
		case hideFile:
			steps = append(steps, mount("/dev/null", m.path, "", unix.MS_BIND, "").or(unix.ENOENT).because(m.why))
		case hideDir:
			steps = append(steps, mount("tmpfs", m.path, "tmpfs", unix.MS_RDONLY|plainFlags, "").or(unix.ENOENT).because(m.why))
		case readOnly:
			steps = append(steps, mount(m.path, m.path, "", unix.MS_BIND|unix.MS_REC, "").or(unix.ENOENT).because(m.why),
				mountSetattr(m.path, 0, unix.MOUNT_ATTR_RDONLY).or(unix.ENOENT))
		}
	}
	return steps
}

// added is step 16: the -a and --tmpfs paths.
func added(c *config) []*step {
	var steps []*step
	for _, a := range c.adds {
		steps = append(steps, a.parents()...)
		if a.tmpfs {
			steps = append(steps, mount("tmpfs", a.target, "tmpfs", nosuidnodev, c.tmpfsOptions("0755", a.size)).because(a.text))
			continue
		}
		attr := uint64(unix.MOUNT_ATTR_NOSUID)
		if !a.device {
			attr |= unix.MOUNT_ATTR_NODEV
		}
		if a.readOnly {
			attr |= unix.MOUNT_ATTR_RDONLY
		}
		steps = append(steps,
			mount(hostPath(a.source), a.target, "", unix.MS_BIND|unix.MS_REC, "").because(a.text),
			mountSetattr(a.target, unix.AT_RECURSIVE, attr))
	}
	return steps
}

// mountPoint is a place that something is mounted on, and what must be made for it
// inside a tmpfs that the plan itself mounts (the launcher cannot: it is not there yet).
type mountPoint struct {
	target string // absolute, clean
	dir    bool
	make   []string // directories, and last the point itself, to be made by the child
}

func (p *mountPoint) parents() []*step {
	var steps []*step
	for i, d := range p.make {
		if i == len(p.make)-1 && !p.dir {
			steps = append(steps, mkfile(d).or(unix.EEXIST))
		} else {
			steps = append(steps, mkdir(d, 0o755).or(unix.EEXIST))
		}
	}
	return steps
}

// privateDir is an empty directory that every container of its kind gets.
type privateDir struct {
	mountPoint
	mode string
	why  string
}

// addedPath is one -a or --tmpfs.
type addedPath struct {
	mountPoint
	text     string // the flag as given
	source   string // -a: absolute, symlinks resolved
	readOnly bool
	device   bool   // the source is a device node: it shall work
	tmpfs    bool   // --tmpfs, and then
	size     string // bytes, or empty for the kernel's default: half the memory
}

type hostDir struct{ dir, mode, why string }

// hostPrivate are the directories of the host's own tree that are the container's
// own and empty when it has no root directory: other people's files and sockets.
var hostPrivate = []hostDir{
	{"/tmp", "1777", "private, and empty"},
	{"/var/tmp", "1777", "private, and empty"},
	{"/run", "0755", "the host's sockets are here (/run/docker.sock): out of reach"},
	{"/home", "0755", "other people's files are out of reach"},
	{"/root", "0700", "the host's root's own files are out of reach"},
}

// hintPrivate: "target is not a mount point" (mount(2), EINVAL).
func hintPrivate(e syscall.Errno) string {
	if e == unix.EINVAL && chrooted() {
		return inChroot + "; " + notByChroot
	}
	return ""
}

func hintPivot(e syscall.Errno) string {
	if e == unix.EINVAL {
		return "the root of this machine may be its initramfs, which pivot_root(2) cannot leave"
	}
	return ""
}

// isDevice tells whether the file is a character or block device.
func isDevice(fi os.FileInfo) bool { return fi.Mode()&os.ModeDevice != 0 }

// Chapter 10: the container's file system.
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
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	nosuidnodev = unix.MS_NOSUID | unix.MS_NODEV
	plainFlags  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
)

// mounts is step 10, with step 16 at the place where the host is still in reach.
func mounts(c *config, y *layout, d *fds) []*step {
	owner := c.tmpfsOwner()
	steps := list(mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "").
		because("mounts made from here on do not spread to the host, nor the host's to us").hinted(hintPrivate))
	if y.ephemeral {
		steps = addAll(steps, y.ephemeralRoot(c, d))
	} else if y.assembled {
		steps = addAll(steps, assembledRoot(y, c.readOnly))
	} else {
		steps = addAll(steps, plainRoot(y.root.dir, c.readOnly))
	}
	steps = addAll(steps, private(y.private, owner))
	steps = addAll(steps, devices(c))
	steps = addAll(steps, hosts(y))
	steps = addAll(steps, coverSockets(y.sockets))
	steps = addAll(steps, sysfs(c))
	for _, s := range added(y.adds, owner, d) {
		s.chapter = 16
		steps = add(steps, s)
	}
	steps = addAll(steps, reopenInputs(c.inputs))
	steps = add(steps, procfs())
	steps = add(steps, umount("..").because("the host's whole tree goes"))
	steps = add(steps, chdir("/").because("the working directory was the last way out"))
	return addAll(steps, masks("/proc"))
}

// plainRoot mounts the root directory on itself, since pivot_root(2) wants a mount point,
// and pivots. Its name is resolved once: the copy of the mount gets its attributes before it
// is anywhere, and is put, entered and pivoted into by descriptor.
func plainRoot(dir string, readOnly bool) []*step {
	return list(
		openPlace(dir).because("the root directory, by its real name"),
		openTree("", true).because("pivot_root needs a mount point: the root directory, and what is mounted below it"),
		treeSetattr(rootAttributes(readOnly)).because("no set-user-ID program and no device of the root directory works"),
		moveMount("").because("mounted on itself"),
		closeFD(keptPlace()),
		openPlace("/proc").because("the host's: from there `..` is the host's root"),
		fchdir(keptTree()),
		pivotRoot(".", ".").hinted(hintPivot).because("`/` is the container now"),
		fchdir(keptPlace()).because("the working directory goes to the host's side, where what is added comes from"),
		closeFD(keptPlace()),
		closeFD(keptTree()),
	)
}

// assembly is where an assembled root is put together: any directory would do, and /proc
// is always there. It can still be left by `..` from within.
const assembly = "/proc"

// assembledRoot makes the root from a tmpfs. It has the entries of the root directory,
// mounted one by one, and the mount points that are missing there. The attributes are set
// before the pivot: after it the host's tree is mounted on the new root, and a recursive
// change would reach it too.
func assembledRoot(y *layout, readOnly bool) []*step {
	steps := list(
		chdir("/proc").because("the host's: from here on `..` is the host's root"),
		mount("tmpfs", assembly, "tmpfs", nosuidnodev, "mode=0755").
			because("an empty root, put together below"),
	)
	if !y.root.host {
		steps = add(steps, openPlace(y.root.dir).because("the root directory, by its real name: its entries are taken from there"))
	}
	for i := range y.entries {
		e := &y.entries[i]
		target := text(assembly, "/", e.name)
		switch {
		case e.link != "":
			steps = add(steps, symlink(e.link, target))
		case e.covered:
			steps = add(steps, mkdir(target, 0o755))
		case e.dir:
			steps = add(steps, mkdir(target, 0o755))
			steps = addAll(steps, y.mountEntry(e, target))
		default:
			steps = add(steps, mkfile(target))
			steps = addAll(steps, y.mountEntry(e, target))
		}
	}
	if !y.root.host {
		steps = add(steps, closeFD(keptPlace()))
	}
	for i := range y.missing {
		p := &y.missing[i]
		make := mkfile(text(assembly, p.target))
		if p.dir {
			make = mkdir(text(assembly, p.target), 0o755)
		}
		steps = add(steps, make.because("a mount point"))
	}
	steps = add(steps, mountSetattr(assembly, unix.AT_RECURSIVE, rootAttributes(readOnly)).
		because("no set-user-ID program and no device of the root directory works"))
	if !readOnly {
		steps = add(steps, mountSetattr(assembly, 0, unix.MOUNT_ATTR_RDONLY).
			because("what would be written here would be lost: the root directory itself is read-only"))
	}
	return add(steps, pivotRoot(assembly, assembly).hinted(hintPivot).
		because("`/` is the container now; the working directory stays on the host's side"))
}

// mountEntry mounts an entry of the root directory in the assembly. The entries of the host's
// own are root's; those of another directory may be changed by others, and are taken below
// its descriptor: a symlink in an entry's place would not be followed.
func (y *layout) mountEntry(e *rootEntry, target string) []*step {
	if y.root.host {
		flags := uintptr(unix.MS_BIND)
		if e.dir {
			flags |= unix.MS_REC
		}
		return list(mount(text("/", e.name), target, "", flags, ""))
	}
	return list(openTree(e.name, e.dir), moveMount(target), closeFD(keptTree()))
}

// rootAttributes are those of the new root and all below it.
func rootAttributes(readOnly bool) uint64 {
	if readOnly {
		return unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY
	}
	return unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
}

// bind mounts a file or directory of the host, and what is mounted below it. It is eight
// calls, so that no name is resolved twice and no symlink is followed that somebody puts in
// the way: the source is opened, its mount is copied, the copy gets its attributes while it is
// nowhere, the place is opened, and the copy is put there. idmap is a ninth, or nil.
func bind(source, target string, attr uint64, idmap *step, why string) []*step {
	if idmap != nil {
		attr |= unix.MOUNT_ATTR_IDMAP
	}
	moved := moveMount("").because("and so there is no moment at which it is there without them")
	moved.kind = makesMount
	moved.deed = keep(deed{file: target, attr: attr})
	steps := list(
		openPlace(hostPath(source)).because(why),
		openTree("", true).because("a copy of the mount, attached nowhere"),
		closeFD(keptPlace()),
		treeSetattr(attr&^unix.MOUNT_ATTR_IDMAP).because("its attributes"),
	)
	if idmap != nil {
		steps = add(steps, idmap)
	}
	return addAll(steps, list(
		openPlace(target).because("its place in the container"),
		moved,
		closeFD(keptPlace()),
		closeFD(keptTree()),
	))
}

// hostPath is an absolute path of the host, relative to the host's /proc.
func hostPath(p string) string { return text("..", withoutEnd(p, "/")) }

// private mounts an empty tmpfs on each directory that is the container's own.
func private(dirs []privateDir, owner tmpfsOwner) []*step {
	var steps []*step
	for i := range dirs {
		t := &dirs[i]
		steps = addAll(steps, t.parents())
		steps = add(steps, mount("tmpfs", t.target, "tmpfs", nosuidnodev, owner.options(t.mode, "")).because(t.why))
	}
	return steps
}

// tmpfsOwner is the container's user, in the numbers of the user namespace in which the
// mounts are made.
type tmpfsOwner struct{ uid, gid int }

func (c *config) tmpfsOwner() (o tmpfsOwner) {
	o.uid, _ = c.mounterID(c.maps, c.uid)
	o.gid, _ = c.mounterID(c.gidMaps, c.gid)
	return o
}

// options are those of tmpfs(5). No size is the kernel's default.
func (o tmpfsOwner) options(mode, size string) string {
	if size != "" {
		size = text(",size=", size)
	}
	return text("mode=", mode, ",uid=", decimal(o.uid), ",gid=", decimal(o.gid), size)
}

// parents makes, in a tmpfs that the plan has mounted, what leads to the mount point, and
// the point itself.
func (p *mountPoint) parents() []*step {
	var steps []*step
	for i, d := range p.make {
		if i == len(p.make)-1 && !p.dir {
			steps = add(steps, mkfile(d).or(unix.EEXIST))
		} else {
			steps = add(steps, mkdir(d, 0o755).or(unix.EEXIST))
		}
	}
	return steps
}

// sysfs is read-only, and so is the view of the resource group in it.
func sysfs(c *config) []*step {
	var steps []*step
	if c.rootless.on && c.net == "host" {
		steps = hostSys(c.group.version())
	} else {
		steps = list(mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY|plainFlags, "").
			because("programs look here for processors and devices; read-only").hinted(hintSys))
	}
	if c.group.version() == 1 {
		steps = addAll(steps, seenGroups(&c.group))
	}
	if c.group.version() == 2 {
		steps = add(steps, mount("cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_RDONLY|plainFlags, "").
			because("its own group, rooted at /, to be read and not to be changed"))
	}
	return addAll(steps, masks("/sys"))
}

// hostSys is the host's own /sys: the kernel refuses a new sysfs to a process that does not
// own the network namespace, since sysfs lists the network's interfaces. The host's groups
// in it are covered.
func hostSys(groupVersion int) []*step {
	steps := bind("/sys", "/sys", unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC, nil,
		"programs look here for processors and devices; the host's own, since the network is the host's")
	if groupVersion != 2 {
		steps = add(steps, mount("tmpfs", "/sys/fs/cgroup", "tmpfs", unix.MS_RDONLY|plainFlags, "").or(unix.ENOENT).
			because("the host's groups are not to be seen"))
	}
	return steps
}

// procfs is the last mount that a path leads to. The kernel wants to see the host's /proc
// when it mounts another in a user namespace, so the host's tree is still there. The parts
// that belong to the whole machine are covered when it is gone.
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
var maskTable = [...]mask{
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
	for i := range maskTable {
		m := &maskTable[i]
		if !hasPrefix(m.path, below) {
			continue
		}
		switch m.how {
		case hideFile:
			steps = add(steps, mount("/dev/null", m.path, "", unix.MS_BIND, "").or(unix.ENOENT).because(m.why))
		case hideDir:
			steps = add(steps, mount("tmpfs", m.path, "tmpfs", unix.MS_RDONLY|plainFlags, "").or(unix.ENOENT).because(m.why))
		case readOnly:
			steps = add(steps, mount(m.path, m.path, "", unix.MS_BIND|unix.MS_REC, "").or(unix.ENOENT).because(m.why))
			steps = add(steps, mountSetattr(m.path, 0, unix.MOUNT_ATTR_RDONLY).or(unix.ENOENT))
		}
	}
	return steps
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

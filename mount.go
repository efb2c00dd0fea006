// Chapter 10: the container's file system.
//
// mount_namespaces(7), pivot_root(2), mount(2), mount_setattr(2), path_resolution(7).
//
// The root directory is mounted on itself and pivoted into. For a while the process is in two
// worlds: `/` is the container, while the working directory is still the host's /proc, whose
// `..` is the host's root. Sources are therefore relative paths ("../srv/data"), and
// destinations are absolute paths ("/data"). The host's tree is mounted on `/` until it is
// unmounted, so `..` at `/` leads to it too, and a symlink that somebody puts in the way of a
// destination meanwhile can lead there. Then the mount is not in its place, which
// mountverify.go finds out before anything runs; and nothing is made there, because what is
// made below the root directory is made below a descriptor (makeBelow, dev.go). The new /proc
// is mounted last: before it there is no magic link inside that could lead out. Then the
// host's whole tree is unmounted.
//
// A root that is read-only, or is the host's own tree, cannot get the mount points that it
// needs. Such a root is assembled: a tmpfs with one mount for each entry of the root directory.
//
// Differs from the tutorial: it needs no directory in /tmp and no put_old, so nothing is left
// behind; everything is nosuid, and nodev where devices are not needed; bind mounts are
// recursive and may be read-only; the container has /proc, /sys, /dev and /tmp; destinations are
// resolved in the new root only.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Flags that most mounts have.
const (
	nosuidnodev = unix.MS_NOSUID | unix.MS_NODEV
	plainFlags  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
)

// mounts is step 10. Step 16 is part of it, at the place where the host's tree can still be
// reached.
func mounts(c *config, y *layout, d *fds) []*step {
	owner := c.tmpfsOwner()
	steps := list(mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "").
		because("mounts made from here on do not propagate to the host, nor the host's mounts to the container").hinted(hintPrivate))
	if y.ephemeral {
		steps = addAll(steps, y.ephemeralRoot(c, d))
	} else if y.assembled {
		steps = addAll(steps, assembledRoot(y, c.readOnly))
	} else {
		steps = addAll(steps, plainRoot(y.root.dir, c.readOnly))
	}
	steps = addAll(steps, private(y.private, owner))
	steps = addAll(steps, devices(c, y, d))
	steps = addAll(steps, coverSockets(y.sockets))
	steps = addAll(steps, sysfs(c))
	for _, s := range added(y.adds, owner, d) {
		s.chapter = 16
		steps = add(steps, s)
	}
	steps = addAll(steps, reopenInputs(c.inputs))
	steps = addAll(steps, terminalOuts(d))
	steps = add(steps, procfs())
	steps = add(steps, umount("..").because("unmounts the host's whole tree"))
	steps = add(steps, chdir("/").because("until now the working directory was outside the container"))
	return addAll(steps, masks(y.empty))
}

// plainRoot mounts the root directory on itself, because pivot_root(2) needs a mount point, and
// pivots into it. The name of the root directory is resolved only once: the copy of the mount
// gets its attributes before it is attached, and is attached, entered and pivoted into by its
// descriptor.
func plainRoot(dir string, readOnly bool) []*step {
	return list(
		openPlace(dir).because("opens the root directory by its real name"),
		openTree("", true).because("copies the root directory's mount, with the mounts below it: pivot_root needs a mount point"),
		treeSetattr(rootAttributes(readOnly)).because("set-user-ID programs and devices of the root directory do not work"),
		moveMount("").because("mounts the root directory on itself"),
		closeFD(keptPlace()),
		openPlace("/proc").because("opens the host's /proc: from there, `..` is the host's root"),
		fchdir(keptTree()),
		pivotRoot(".", ".").hinted(hintPivot).because("from here on `/` is the container's root"),
		fchdir(keptPlace()).because("moves the working directory to the host's tree, from which paths are added"),
		closeFD(keptPlace()),
		closeFD(keptTree()),
	)
}

// assembly is the directory in which an assembled root is put together. Any directory would do,
// and /proc always exists. It can still be left by `..` from within.
const assembly = "/proc"

// assembledRoot makes the root from a tmpfs. It contains the entries of the root directory,
// mounted one by one, and the mount points that are missing there. The attributes are set before
// the pivot, because after it the host's tree is mounted on the new root and a recursive change
// would apply to it too.
func assembledRoot(y *layout, readOnly bool) []*step {
	steps := list(
		chdir("/proc").because("goes to the host's /proc: from here on, `..` is the host's root"),
		mount("tmpfs", assembly, "tmpfs", nosuidnodev, "mode=0755").
			because("an empty root, which the next steps fill"),
	)
	if !y.root.host {
		steps = add(steps, openPlace(y.root.dir).because("opens the root directory by its real name, to take its entries from there"))
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
		because("set-user-ID programs and devices of the root directory do not work"))
	if !readOnly {
		steps = add(steps, mountSetattr(assembly, 0, unix.MOUNT_ATTR_RDONLY).
			because("the tmpfs is read-only like the root directory, and what is written to it would be lost"))
	}
	return add(steps, pivotRoot(assembly, assembly).hinted(hintPivot).
		because("from here on `/` is the container's root; the working directory stays in the host's tree"))
}

// mountEntry mounts an entry of the root directory in the assembly. The entries of the host's
// own tree belong to root. Those of another directory may be changed by other users, so they are
// opened below its descriptor, and a symlink in the place of an entry is not followed.
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

// rootAttributes returns the attributes of the new root and all mounts below it.
func rootAttributes(readOnly bool) uint64 {
	if readOnly {
		return unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY
	}
	return unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
}

// bind mounts a file or directory of the host, with all mounts below it. It makes eight calls,
// so that no name is resolved twice and no symlink that someone puts in the way is followed: the
// source is opened, its mount is copied, the copy gets its attributes before it is attached, the
// destination is opened, and the copy is attached there. idmap is a ninth call, or nil.
func bind(source, target string, attr uint64, idmap *step, why string) []*step {
	if idmap != nil {
		attr |= unix.MOUNT_ATTR_IDMAP
	}
	moved := moveMount("").because("attached only now, so it is never in the container without its attributes")
	moved.kind = makesMount
	moved.deed = keep(deed{file: target, attr: attr})
	steps := list(
		openPlace(hostPath(source)).because(why),
		openTree("", true).because("a copy of the mount, not attached anywhere"),
		closeFD(keptPlace()),
		treeSetattr(attr&^unix.MOUNT_ATTR_IDMAP).because("its attributes"),
	)
	if idmap != nil {
		steps = add(steps, idmap)
	}
	return addAll(steps, list(
		openPlace(target).because("opens its place in the container"),
		moved,
		closeFD(keptPlace()),
		closeFD(keptTree()),
	))
}

// hostPath returns an absolute path of the host as a path relative to the host's /proc.
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

// tmpfsOwner is the container's user, numbered as in the user namespace in which the mounts are
// made.
type tmpfsOwner struct{ uid, gid int }

// tmpfsOwner returns the owner for the container's tmpfs mounts.
func (c *config) tmpfsOwner() (o tmpfsOwner) {
	o.uid, _ = c.mounterID(c.maps, c.uid)
	o.gid, _ = c.mounterID(c.gidMaps, c.gid)
	return o
}

// options returns the mount options of tmpfs(5). Without a size, the kernel uses its default.
func (o tmpfsOwner) options(mode, size string) string {
	if size != "" {
		size = text(",size=", size)
	}
	return text("mode=", mode, ",uid=", decimal(o.uid), ",gid=", decimal(o.gid), size)
}

// parents returns the steps that make the mount point, and the directories on the way to it, in
// a tmpfs that the plan has mounted.
func (p *mountPoint) parents() []*step {
	var steps []*step
	for i, d := range p.make {
		steps = addAll(steps, makeBelow(d, p.dir || i < len(p.make)-1))
	}
	return steps
}

// makeBelow returns the steps that make a directory or a file below the descriptor of its parent
// directory. A path with a symlink in it, which somebody else has put there meanwhile, could
// lead to the host's tree.
func makeBelow(p string, dir bool) []*step {
	s := call("mkdirat", unix.SYS_MKDIRAT, keptPlace(), cstring(baseName(p)), mode(0o755))
	if !dir {
		s = call("mknodat", unix.SYS_MKNODAT, keptPlace(), cstring(baseName(p)), mode(unix.S_IFREG|0o644))
	}
	return list(openPlace(parentDir(p)), s.or(unix.EEXIST).because("a mount point"), closeFD(keptPlace()))
}

// sysfs mounts /sys, read-only, and the view of the resource group in it.
func sysfs(c *config) []*step {
	var steps []*step
	if c.rootless.on && c.net == "host" {
		steps = hostSys(c.group.version())
	} else {
		steps = list(mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY|plainFlags, "").
			because("read-only; programs look here for processors and devices").hinted(hintSys))
	}
	if c.group.version() == 1 {
		steps = addAll(steps, seenGroups(&c.group))
	}
	if c.group.version() == 2 {
		steps = add(steps, mount("cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_RDONLY|plainFlags, "").
			because("the container's own group appears as /; it can be read and not changed"))
	}
	return steps
}

// hostSys binds the host's own /sys: the kernel refuses a new sysfs to a process that does not
// own the network namespace, because sysfs lists the network interfaces. The host's cgroups in
// it are covered.
func hostSys(groupVersion int) []*step {
	steps := bind("/sys", "/sys", unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC, nil,
		"the host's own /sys, because the network is the host's; programs look here for processors and devices")
	if groupVersion != 2 {
		steps = add(steps, mount("tmpfs", "/sys/fs/cgroup", "tmpfs", unix.MS_RDONLY|plainFlags, "").or(unix.ENOENT).
			because("hides the host's cgroups"))
	}
	return steps
}

// procfs mounts /proc. It is the last mount that a path leads to. In a user namespace, the
// kernel mounts a new /proc only while the host's /proc is visible, so the host's tree is still
// mounted. The parts of /proc that concern the whole machine are covered once the host's tree is
// gone.
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
	hideFile cover = iota // the container's /dev/null is mounted on it
	hideDir               // an empty directory is mounted on it
	readOnly              // it is mounted on itself, read-only
)

// maskTable lists what moby (oci/defaults.go: MaskedPaths and ReadonlyPaths), crun and podman
// cover. A path that this kernel does not have is skipped.
var maskTable = [...]mask{
	{"/proc/acpi", hideDir, "controls the machine's hardware"},
	{"/proc/asound", hideDir, "the machine's sound devices"},
	{"/proc/interrupts", hideFile, "shows the timing of other users' keystrokes and packets"},
	{"/proc/kcore", hideFile, "contains the machine's memory"},
	{"/proc/keys", hideFile, "keys are not in any namespace"},
	{"/proc/key-users", hideFile, "shows which users have keys, on the whole machine"},
	{"/proc/kmsg", hideFile, "contains the kernel's log"},
	{"/proc/latency_stats", hideFile, "shows where programs of the whole machine wait"},
	{"/proc/sched_debug", hideFile, "shows all processes of the machine"},
	{"/proc/scsi", hideDir, "sends commands to disks"},
	{"/proc/timer_list", hideFile, "shows all timers of the machine"},
	{"/proc/timer_stats", hideFile, "shows all timers of the machine, on older kernels"},
	{"/proc/bus", readOnly, "configuration space of the machine's devices"},
	{"/proc/fs", readOnly, "settings of file systems"},
	{"/proc/irq", readOnly, "settings of interrupts for the whole machine"},
	{"/proc/sys", readOnly, "the kernel's settings: few of them belong to a namespace"},
	{"/proc/sysrq-trigger", readOnly, "reboots the machine"},
	{"/sys/firmware", hideDir, "contains the machine's firmware tables and variables"},
	{"/sys/devices/virtual/powercap", hideDir, "shows power use so precisely that it reveals what other programs compute"},
}

// emptyDir is a directory of /proc that is always empty, and in which nobody can make anything:
// "Preserved: it's userspace visible" (fs/proc/proc_tty.c). Another name for it takes the kernel a
// third of the time of a new tmpfs.
const emptyDir = "/proc/tty/ldisc"

// masks returns the steps that cover parts of /proc and /sys. empty is false if the kernel has no
// emptyDir, because it was built without terminals.
func masks(empty bool) []*step {
	var steps []*step
	for i := range maskTable {
		m := &maskTable[i]
		switch {
		case m.how == hideFile:
			steps = add(steps, mount("/dev/null", m.path, "", unix.MS_BIND, "").or(unix.ENOENT).because(m.why))
		case m.how == hideDir && empty:
			steps = add(steps, mount(emptyDir, m.path, "", unix.MS_BIND, "").or(unix.ENOENT).because(m.why))
		case m.how == hideDir:
			steps = add(steps, mount("tmpfs", m.path, "tmpfs", unix.MS_RDONLY|plainFlags, "").or(unix.ENOENT).because(m.why))
		default:
			steps = add(steps, mount(m.path, m.path, "", unix.MS_BIND|unix.MS_REC, "").or(unix.ENOENT).because(m.why))
			steps = add(steps, mountSetattr(m.path, 0, unix.MOUNT_ATTR_RDONLY).or(unix.ENOENT))
		}
	}
	return steps
}

// hintPrivate explains EINVAL: "target is not a mount point" (mount(2)).
func hintPrivate(e syscall.Errno) string {
	if e == unix.EINVAL && chrooted() {
		return inChroot + "; " + notByChroot
	}
	return ""
}

// hintPivot returns the hint for a failed pivot_root(2).
func hintPivot(e syscall.Errno) string {
	if e == unix.EINVAL {
		return "the machine's root directory may be its initramfs, which pivot_root(2) cannot replace: start tincan as the machine's init (see tincan init --help), or change to another root first (switch_root)"
	}
	return ""
}

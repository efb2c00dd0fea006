// Chapter 10, continued: /dev.
//
// null(4), random(4), tty(4), pts(4), shm_overview(7), mq_overview(7).
//
// Where the kernel lets root make device nodes, the devices are new nodes in a tmpfs. In a user
// namespace it does not, so they are the host's own nodes, mounted one by one after the launcher
// has checked their numbers. Nothing in the root directory's own /dev is used: a symlink there
// in place of `null` would otherwise be mounted over /proc.
//
// Differs from the tutorial: the tutorial's container has no /dev.

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// deviceTable lists the devices, with the numbers that the kernel gives them
// (Documentation/admin-guide/devices.txt).
var deviceTable = [...]struct {
	name         string
	major, minor uint32
	why          string
}{
	{"null", 1, 3, "always empty"},
	{"zero", 1, 5, "endless zeros"},
	{"full", 1, 7, "a disk that is always full, for tests"},
	{"random", 1, 8, "random bytes"},
	{"urandom", 1, 9, "random bytes"},
	{"tty", 5, 0, "the process's own terminal"},
}

// devLinks are the symlinks that shells and programs expect beside the devices.
var devLinks = [...]struct{ link, target string }{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
}

// ttyGroup is the group of terminals, which is 5 in every distribution.
const ttyGroup = 5

// workshop is the directory in which /dev and the directory of groups are put together before
// they are moved to their places. It is in the host's tree, which only root can change. A file
// that is made at its final place, by its name, could be made elsewhere: the owner of the root
// directory could put a symlink in the place of /dev at that moment, and while the host's tree
// is mounted on `/`, a symlink to `..` leads into it.
const workshop = "../proc"

// movedTo returns the steps that move the mount on the workshop to its place in the container.
func movedTo(target string, attr uint64, why string) []*step {
	moved := moveMount("")
	moved.kind = makesMount
	moved.deed = keep(deed{file: target, attr: attr})
	return list(
		call("open_tree", unix.SYS_OPEN_TREE, atCwd(), cstring(workshop), name(unix.OPEN_TREE_CLOEXEC, "OPEN_TREE_CLOEXEC")).keeping().hinted(hintMountCalls).because(why),
		openPlace(target).because("its place in the container"),
		moved,
		closeFD(keptPlace()),
		closeFD(keptTree()),
	)
}

func inWorkshop(name string) string { return text(workshop, "/", name) }

// devices returns the steps that make /dev.
func devices(c *config, y *layout, d *fds) []*step {
	steps := list(mount("tmpfs", workshop, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755").
		because("a /dev with the devices that programs need, and none of the machine's hardware; it is put together in the host's tree"))
	for i := range deviceTable {
		node := &deviceTable[i]
		if c.rootless.who.devices {
			steps = add(steps, mkdevice(inWorkshop(node.name), node.major, node.minor).because(node.why))
			continue
		}
		steps = add(steps, mkfile(inWorkshop(node.name)))
		steps = add(steps, mount(text("../dev/", node.name), inWorkshop(node.name), "", unix.MS_BIND, "").because(node.why))
	}
	for i := range devLinks {
		steps = add(steps, symlink(devLinks[i].target, inWorkshop(devLinks[i].link)))
	}
	pts := "newinstance,ptmxmode=0666,mode=0620"
	if gid, mapped := c.mounterID(c.gidMaps, ttyGroup); mapped {
		pts = text(pts, ",gid=", decimal(gid))
	}
	steps = add(steps, mkdir(inWorkshop("pts"), 0o755))
	steps = add(steps, mount("devpts", inWorkshop("pts"), "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, pts).because("the container's own terminals, numbered from 0"))
	steps = add(steps, mkdir(inWorkshop("shm"), 0o1777))
	steps = add(steps, mount("tmpfs", inWorkshop("shm"), "tmpfs", plainFlags, "mode=1777").because("POSIX shared memory"))
	steps = add(steps, mkdir(inWorkshop("mqueue"), 0o1777))
	steps = add(steps, mount("mqueue", inWorkshop("mqueue"), "mqueue", plainFlags, "").because("the message queues of the new IPC namespace"))
	if c.console != "" && !d.apart {
		steps = add(steps, mkfile(inWorkshop("console")))
		steps = add(steps, mount(hostPath(c.console), inWorkshop("console"), "", unix.MS_BIND, "").because("the terminal that tincan was started on, so that ttyname(3) finds it"))
	}
	steps = add(steps, mountSetattr(workshop, unix.AT_RECURSIVE, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC).
		because("no programs belong here"))
	steps = addAll(steps, hosts(y))
	return addAll(steps, movedTo("/dev", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "moves it to its place"))
}

// checkDevices returns an error if a node in the host's /dev is not the device that its name
// says.
func checkDevices() error {
	for i := range deviceTable {
		d := &deviceTable[i]
		p := text("/dev/", d.name)
		var st unix.Stat_t
		if e := sysLstat(p, &st); e != 0 {
			return failedCall("lstat", p, "", e).hinted(hintNoDevice)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != uint64(d.major)<<8|uint64(d.minor) {
			return fault(func() error {
				return fmt.Errorf("%s: this is not the character device %d:%d, which the container would get; mount the kernel's devices: mount -t devtmpfs devtmpfs /dev", p, d.major, d.minor)
			})
		}
	}
	return nil
}

func hintNoDevice(syscall.Errno) string {
	return "the container uses the host's devices, and this host's /dev lacks this one: mount -t devtmpfs devtmpfs /dev"
}

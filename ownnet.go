// Chapters 8 and 10: a network of its own: which ports users may open, who may send pings, and
// the name of the host.
//
// Documentation/networking/ip-sysctl.rst (ip_unprivileged_port_start, ping_group_range),
// hosts(5).
//
// Nothing leaves the container's own network, so ports below 1024 need no protection there. As
// with Docker, every user inside may open them, and may send echo requests. To find the
// container's own hostname, the container gets its own /etc/hosts, if the tree has such a file.
//
// Differs from the tutorial: the tutorial's container has no network.

package main

import (
	"math"

	"golang.org/x/sys/unix"
)

// setNet reads --net.
func (c *config) setNet(f *runFlags) {
	c.net = f.Net
	// If another container around this one has made /proc/sys read-only, these settings stay as
	// they are.
	var st unix.Statfs_t
	c.ports = c.net == "none" && sysStatfs("/proc/sys", &st) == 0 && st.Flags&unix.ST_RDONLY == 0
}

const (
	portFile = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
	pingFile = "/proc/sys/net/ipv4/ping_group_range"
)

// ports returns the steps with which the child sets up its own network: the host's /proc shows
// each process the settings of the process's own network.
func ports(c *config) []*step {
	if !c.ports {
		return nil
	}
	return list(
		openForWriting(portFile).because("the host's /proc shows this process the settings of its new network"),
		writeBytes(kept(), "0").because("any user may open ports below 1024: no one else uses this network"),
		openForWriting(pingFile).because("its descriptor is closed with all others before the command starts"),
		writeBytes(kept(), c.pingGroups()).because("any group may send echo requests, as ping(8) without capabilities does"),
	)
}

// pingGroups returns the widest range of groups that the kernel accepts here: both ends must be
// ids of the user namespace in which they are written.
func (c *config) pingGroups() string {
	if !c.rootless.on {
		return text("0 ", decimal(math.MaxInt32))
	}
	for _, m := range c.gidMaps {
		if uint32(c.gid) >= m.inside && uint32(c.gid)-m.inside < m.count {
			return text(unsigned(uint64(m.inside)), " ", unsigned(min(uint64(m.inside)+uint64(m.count)-1, math.MaxInt32)))
		}
	}
	return text(decimal(c.gid), " ", decimal(c.gid))
}

const hostsFile = "/etc/hosts"

// findHosts decides whether the container gets its own /etc/hosts. It does if there is a regular
// file, and no flag says what is to be there.
func (y *layout) findHosts(c *config) {
	for i := range c.adds {
		if _, is := below(hostsFile, c.adds[i].target); is {
			return
		}
	}
	fd, e := sysOpenat2(y.fd, hostsFile[1:], unix.O_PATH, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
	if e != 0 {
		return
	}
	var st unix.Stat_t
	// In another tincan's container the file has no name any more, and nothing can be mounted on it.
	if sysFstat(fd, &st) == 0 && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 0 {
		y.hosts = c.hostsText(fd, &st)
	}
	sysClose(fd)
}

// hostsText returns the text of the file. With the host's network, the names in the tree's own
// file are kept. The launcher may read a file that the command may not: whoever owns the tree may
// have moved a file of root's to this place. Such a file stays as it is.
func (c *config) hostsText(place int, st *unix.Stat_t) string {
	line := text("127.0.0.1\t", c.hostname, "\n")
	if c.net == "none" {
		return text("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", line)
	}
	const most = 64 << 10
	if st.Size > most || !c.mayRead(st) {
		return ""
	}
	fd, e := sysOpen(text("/proc/self/fd/", decimal(place)), unix.O_RDONLY, 0)
	if e != 0 {
		return ""
	}
	now, e := readMost(fd, most)
	sysClose(fd)
	if e != 0 || indexByte(now, 0) >= 0 {
		return ""
	}
	if now != "" && !hasSuffix(now, "\n") {
		line = text("\n", line)
	}
	return text(now, line)
}

// mayRead reports whether the file's mode lets the command read it. Root inside may become each of
// the container's users.
func (c *config) mayRead(st *unix.Stat_t) bool {
	owner := false
	for _, m := range c.maps {
		owner = owner || overlap(m.outside, m.count, st.Uid, 1)
	}
	for _, m := range c.root.owner { // ids on the disk, which are shown as the container's
		owner = owner || overlap(m.inside, m.count, st.Uid, 1)
	}
	return st.Mode&unix.S_IROTH != 0 || owner && st.Mode&unix.S_IRUSR != 0
}

// hosts puts the file in its place. The file is made in the container's /dev before /dev is at
// its own place, and its name there is removed when it is mounted.
func hosts(y *layout) []*step {
	if y.hosts == "" {
		return nil
	}
	made := text(workshop, "/hosts")
	moved := moveMount(hostsFile).because("covers the tree's own file, which is not changed")
	moved.kind = makesMount
	moved.deed = keep(deed{file: hostsFile})
	return list(
		call("openat", unix.SYS_OPENAT, atCwd(), cstring(made), name(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, "O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC"), mode(0o644)).keeping().
			because("a file in which the container's hostname has its own address"),
		writeBytes(kept(), y.hosts).because("its descriptor is closed with all others before the command starts"),
		call("open_tree", unix.SYS_OPEN_TREE, atCwd(), cstring(made), name(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC")).keeping().hinted(hintMountCalls).
			because("a mount of the file, not attached anywhere"),
		moved,
		call("unlinkat", unix.SYS_UNLINKAT, atCwd(), cstring(made), num(0)).because("removes its name in /dev, so that its only name is /etc/hosts"),
	)
}

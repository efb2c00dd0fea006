// Chapter 10 with --ephemeral: a root that can be written, and is gone at the end.
//
// overlayfs (Documentation/filesystems/overlayfs.rst), mount(2), mount_setattr(2), tmpfs(5).
//
// What is written goes to a tmpfs that the container's first process mounts, so that the
// container's group pays for the memory, and that goes with its mount namespace. It is mounted
// on the host's /proc, which is always there, and the new root below it; neither is to be seen
// after the pivot.
//
// With -m there is one overlay: the root directory below, read-only, and the tmpfs above. A
// directory of the host's root, as debootstrap and docker export make it, has its ids shown as
// those of the container (mountidmap.go): its root may change what its root's files are.
//
// The host's own tree is put together from its entries, as without --ephemeral, each directory
// an overlay of its own. The ids are not shown as others there, or the container's root could
// read /etc/shadow: who runs the command can make, replace and remove files in the directories
// of writableDirs and in those directly below /, and change what belongs to them.
//
// What is mounted below the root directory is another file system, and read-only. In a user
// namespace the kernel lets no overlay show what is below such a mount (mount_namespaces(7),
// "locked together"): there the entry with the mount in it is read-only as a whole.
//
// Differs from the tutorial: its root directory is changed by what runs in it.

package main

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// The places below the tmpfs of changes.
const (
	changes       = "/proc"
	lowerDir      = changes + "/lower"
	upperDir      = changes + "/upper"
	workDir       = changes + "/workdir"
	ephemeralRoot = changes + "/root"
)

// writableDirs are the directories of the host's tree that the command's user can write, beside
// those directly below /: where programs are installed, and their data.
var writableDirs = [...]string{
	"/etc/default", "/etc/profile.d",
	"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/include", "/usr/share",
	"/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/include", "/usr/local/etc", "/usr/local/share",
	"/usr/local/man", "/usr/local/src",
	"/var/lib",
}

// layerTypes are file systems that overlayfs takes as a layer, by the names of statfs(2).
var layerTypes = [...]int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC,
	unix.OVERLAYFS_SUPER_MAGIC, unix.SQUASHFS_MAGIC, unix.EROFS_SUPER_MAGIC_V1, 0x2fc12fc1} // the last is ZFS

// setEphemeral reads --ephemeral.
func (c *config) setEphemeral(f *runFlags) error {
	if f.Ro {
		return fault(func() error {
			return errors.New("--ro and --ephemeral contradict each other, because --ephemeral makes the root writable: give only one of them")
		})
	}
	c.ephemeral, c.readOnly = true, false
	if c.root.host || c.rootless.on {
		return nil
	}
	var st unix.Stat_t
	if e := sysFstat(c.root.fd, &st); e != 0 {
		return failedCall("fstat", c.root.dir, "", e)
	}
	for _, m := range c.maps {
		if overlap(st.Uid, 1, m.outside, m.count) {
			return nil // its ids are those of this container already
		}
	}
	if err := checkLinks("--ephemeral", *f.Mount, c.root.dir, st.Uid); err != nil {
		return err
	}
	if st.Uid == 0 {
		if dir := unsteady(c.root.dir, 0); dir != "" {
			return fault(func() error {
				return fmt.Errorf("--ephemeral: %s belongs to root, so the command could read every file in it; but another user can change %s, and could put another directory of root's in its place: make that impossible (chown root %[2]s; chmod go-w %[2]s), move the tree elsewhere, or give it to the container (chown -R %d:%d %[1]s)", c.root.dir, dir, c.hostUID, c.hostGID)
			})
		}
		c.root.owner, c.root.idmap = c.maps, c.idmapFor(c.maps, c.gidMaps)
		return nil
	}
	c.root.owner = list(idMap{st.Uid, uint32(c.hostUID), 1})
	c.root.idmap = c.idmapFor(c.root.owner, list(idMap{st.Gid, uint32(c.hostGID), 1}))
	return nil
}

// listMounts lists what is mounted below the root directory, except what is covered or below
// another of them. Without root everything counts, because a mount that is covered, or that the
// user cannot reach, keeps the kernel from making an overlay of a directory above it all the same.
func (y *layout) listMounts() error {
	all, err := ownMounts()
	if err != nil {
		return err
	}
	for i := range all {
		rel, is := below(all[i].point, y.root.dir)
		var st unix.Stat_t
		if !is || rel == "" || y.root.host && indexByte(rel, '/') < 0 { // an entry is an overlay, whatever is mounted there
			continue
		}
		found, e := lookup(y.fd, rel, &st)
		if e == 0 && !found || e != 0 && !y.userOverlay {
			continue // out of sight, below another mount
		}
		target := text("/", rel)
		top, _, _ := cut(rel, "/")
		isCovered := y.covered(text("/", top)) || beneath(y.private, target)
		if y.userOverlay {
			isCovered = y.root.host && y.covered(text("/", top)) // there is no overlay of that entry
		}
		if !isCovered && y.mountAbove(target) == "" {
			y.mounts = add(y.mounts, lowerMount{target: target, dir: isDir(&st)})
		}
	}
	return nil
}

// lowerMount is a mount below the root directory.
type lowerMount struct {
	target string
	dir    bool
}

// mountAbove returns the mount below the root directory that the path is in, or "".
func (y *layout) mountAbove(p string) string {
	for i := range y.mounts {
		if _, is := below(p, y.mounts[i].target); is {
			return y.mounts[i].target
		}
	}
	return ""
}

// planEphemeral finds out what the root will consist of.
func (y *layout) planEphemeral(c *config) error {
	rootless := c.rootless.on
	y.userOverlay = rootless
	if err := y.listMounts(); err != nil {
		return err
	}
	if y.assembled = y.root.host; y.assembled {
		if err := y.listRoot(); err != nil {
			return err
		}
		for i := range y.entries {
			y.planOverlay(&y.entries[i], c)
		}
	} else if rootless && len(y.mounts) > 0 {
		return fault(func() error {
			return fmt.Errorf("--ephemeral: something is mounted on %s%s, and for a user who is not root the kernel refuses an overlay of a directory with a mount in it: unmount it, or choose another directory with -m", y.root.dir, y.mounts[0].target)
		})
	}
	for i := range y.missing {
		target := y.missing[i].target
		at := y.mountAbove(target)
		for j := range y.entries {
			if e := &y.entries[j]; at == "" && e.dir && !e.covered && !e.overlay {
				if rest, is := below(target, text("/", e.name)); is && rest != "" {
					at = text("/", e.name)
				}
			}
		}
		if at != "" {
			return fault(func() error {
				return fmt.Errorf("%s does not exist and cannot be made, because %s stays read-only with --ephemeral: it is another file system, or another one is mounted in it; choose a path that exists, or one outside of it", target, at)
			})
		}
	}
	y.missing = chains(y.missing)
	return nil
}

// planOverlay decides whether an entry of the host's tree becomes an overlay, and which
// directories in it are the command's user's. Nobody may see more through them than without.
func (y *layout) planOverlay(e *rootEntry, c *config) {
	dir := text("/", e.name)
	var fs unix.Statfs_t
	if !e.dir || e.covered || !y.isOpen(e.name) || sysStatfs(dir, &fs) != 0 {
		return
	}
	for _, d := range writableDirs {
		if rel, is := below(d, dir); is && y.isOpen(d[1:]) {
			e.own = add(e.own, rel)
		}
	}
	if in := y.mountIn(dir); in != "" && y.userOverlay {
		if len(e.own) > 0 {
			c.remarks = add(c.remarks, text("--ephemeral: ", dir, " stays read-only: something is mounted on ", in, ", and for a user who is not root the kernel refuses an overlay of a directory with a mount in it"))
		}
		return
	}
	for _, t := range layerTypes {
		e.overlay = e.overlay || int64(fs.Type) == t
	}
	if e.overlay {
		y.ownMountPoints(e, dir)
	}
}

// mountIn returns the last mount in the directory, or "".
func (y *layout) mountIn(dir string) (in string) {
	for i := range y.mounts {
		if _, is := below(y.mounts[i].target, dir); is {
			in = y.mounts[i].target
		}
	}
	return in
}

// ownMountPoints adds the directories in which missing mount points are made, and those that are
// mount points themselves, to the entry's own directories.
func (y *layout) ownMountPoints(e *rootEntry, dir string) {
	for _, p := range chains(y.missing) {
		rel, is := below(p.target, dir)
		if !is || rel == "" || has(e.own, rel) || !p.dir {
			continue
		}
		var st unix.Stat_t
		found, e2 := lookup(y.fd, p.target[1:], &st)
		parent, _ := below(parentDir(p.target), dir)
		canBeMade := !found && (parent == "" || has(e.own, parent))
		if e2 == 0 && (canBeMade || found && y.isOpen(p.target[1:])) {
			e.own = add(e.own, rel)
		}
	}
}

// isOpen reports whether the file of the host's tree is a directory that anybody may list.
func (y *layout) isOpen(rel string) bool {
	var st unix.Stat_t
	found, e := lookup(y.fd, rel, &st)
	return e == 0 && found && isDir(&st) && st.Mode&0o005 == 0o005
}

// ephemeralRoot makes the root.
func (y *layout) ephemeralRoot(c *config, d *fds) []*step {
	owner := c.rootOwner()
	steps := list(
		chdir("/proc").because("the host's: from here on `..` is the host's root"),
		mount("tmpfs", changes, "tmpfs", nosuidnodev, "mode=0755").
			because("what is written goes here: memory that the container pays for, and that goes with it"),
		mkdir(upperDir, 0o755), mkdir(workDir, 0o755), mkdir(ephemeralRoot, 0o755),
	)
	if y.root.host {
		steps = add(steps, mount("tmpfs", ephemeralRoot, "tmpfs", nosuidnodev, owner.options("0755", "")).because("an empty root, put together below"))
		for i := range y.entries {
			steps = addAll(steps, y.ephemeralEntry(&y.entries[i], owner))
		}
	} else {
		steps = addAll(steps, list(
			mkdir(lowerDir, 0o755),
			chown(upperDir, owner.uid, owner.gid),
			openPlace(y.root.dir).because("the root directory, by its real name"),
			openTree("", false).because("a copy of its mount, attached nowhere"),
			closeFD(keptPlace()),
			treeSetattr(rootAttributes(true)).because("it is not changed")))
		if c.root.idmap > 0 {
			steps = add(steps, treeIdmap(d, c.root.idmap, c.root.dir, c.root.owner).because("its ids are those of the container"))
		}
		steps = addAll(steps, list(moveMount(lowerDir), closeFD(keptTree()), y.overlay(ephemeralRoot, lowerDir, upperDir, workDir)))
	}
	for i := range y.missing {
		steps = addAll(steps, makeBelow(text(ephemeralRoot, y.missing[i].target), y.missing[i].dir))
	}
	steps = add(steps, pivotRoot(ephemeralRoot, ephemeralRoot).hinted(hintPivot).
		because("`/` is the container now; the working directory stays on the host's side"))
	for i := range y.mounts {
		m := &y.mounts[i]
		if y.userOverlay {
			break // the whole entry is as it was
		}
		steps = addAll(steps, bind(text(withoutEnd(y.root.dir, "/"), m.target), m.target, rootAttributes(true), nil, "another file system, and read-only"))
	}
	return steps
}

// rootOwner returns the owner of the root directory: on the host's tree the command's user,
// otherwise the container's root, if there is one.
func (c *config) rootOwner() tmpfsOwner {
	uid, mapped := c.mounterID(c.maps, 0)
	gid, mapped2 := c.mounterID(c.gidMaps, 0)
	if c.root.host || !mapped || !mapped2 {
		return c.tmpfsOwner()
	}
	return tmpfsOwner{uid, gid}
}

// ephemeralEntry makes an entry of the host's tree.
func (y *layout) ephemeralEntry(e *rootEntry, owner tmpfsOwner) []*step {
	from, target := text("/", e.name), text(ephemeralRoot, "/", e.name)
	switch {
	case e.link != "":
		return list(symlink(e.link, target))
	case e.covered:
		return list(mkdir(target, 0o755))
	case !e.dir:
		return addAll(list(mkfile(target)), add(y.mountEntry(e, target), mountSetattr(target, 0, rootAttributes(true))))
	case !e.overlay:
		return addAll(list(mkdir(target, 0o755)), add(y.mountEntry(e, target), mountSetattr(target, unix.AT_RECURSIVE, rootAttributes(true))))
	}
	upper, work := text(upperDir, "/", e.name), text(workDir, "/", e.name)
	steps := list(mkdir(target, 0o755), mkdir(work, 0o755), mkdir(upper, 0o755), chown(upper, owner.uid, owner.gid))
	for _, rel := range e.own {
		dir := text(upper, "/", rel)
		steps = add(add(steps, mkdir(dir, 0o755)), chown(dir, owner.uid, owner.gid))
	}
	return add(steps, y.overlay(target, from, upper, work))
}

// overlay returns the mount of overlayfs. In a user namespace overlayfs keeps its notes in
// attributes that any user may set (userxattr, Linux 5.11).
func (y *layout) overlay(target, lower, upper, work string) *step {
	data := text("lowerdir=", overlayName(lower), ",upperdir=", overlayName(upper), ",workdir=", overlayName(work))
	if y.userOverlay {
		data = text(data, ",userxattr")
	}
	return mount("overlay", target, "overlay", nosuidnodev, data).hinted(hintOverlay).because("below it is what was there, above it what is written")
}

// overlayName quotes a path for the options of overlayfs, where these characters have a meaning.
func overlayName(p string) string {
	out := ""
	for i := 0; i < len(p); i++ {
		if p[i] == ':' || p[i] == ',' || p[i] == '\\' {
			out = text(out, "\\")
		}
		out = text(out, p[i:i+1])
	}
	return out
}

func hintOverlay(e syscall.Errno) string {
	switch e {
	case unix.ENODEV:
		return "this kernel has no overlayfs, or its module is not loaded; as root: modprobe overlay"
	case unix.EPERM:
		return "this host does not let users who are not root mount overlayfs, which --ephemeral needs; run tincan as root, or leave --ephemeral out"
	case unix.EINVAL:
		return "overlayfs cannot use this directory: its file system is not supported (NFS and vfat are not), or it is itself an overlay on an overlay, as in a container in a container, or this kernel is older than 5.19 and the directory belongs to root; copy the tree to another file system, such as a tmpfs"
	}
	return ""
}

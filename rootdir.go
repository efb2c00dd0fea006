// Chapters 10 and 16, before anything is mounted: what is where.
//
// openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS.
//
// Every mount needs a directory or file to be mounted on. For each, this file decides where it
// will be: in the root directory, in a tmpfs that the plan mounts, or below an earlier -a. It
// also finds out what is missing there. If the root directory can be written, the launcher makes
// what is missing before the clone and removes it after the end. If the root directory cannot be
// written, or is the host's own tree, the root is assembled instead (mount.go) and the root
// directory is not changed.
//
// This file does not protect the host: the child mounts after the pivot, so a path cannot lead
// outside the container anyway. It is here for clear errors before anything starts.
//
// Differs from the tutorial: the tutorial made directories on the host, as root, wherever the
// root directory's symlinks and `..` led, and left them there.

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// root is the container's root directory.
type root struct {
	dir  string // absolute, symlinks resolved; "/" for the host's own tree
	fd   int    // the directory, opened once with O_PATH; 0 for the host's own tree
	host bool

	idmap int // with --ephemeral: which user namespace it is mounted with, from 1 (mountidmap.go), and then
	owner []idMap
}

// layout says where everything is in the container's file system.
type layout struct {
	root        root
	fd          int // the root directory, O_PATH
	assembled   bool
	ephemeral   bool         // --ephemeral; the next two fields belong to it
	mounts      []lowerMount // the mounts below the root directory
	userOverlay bool         // overlayfs is mounted in a user namespace
	entries     []rootEntry  // the entries of an assembled root
	missing     []mountPoint
	toMake      []mountPoint // what the launcher makes in the root directory
	empty       bool         // the kernel has an emptyDir
	hosts       string       // the text of /etc/hosts, or "" to keep the tree's own
	private     []privateDir
	adds        []addedPath

	sockets      []string // sockets of the host, which are covered (hostsockets.go)
	interpreters []string // the interpreters of the command's file (program.go)
}

// rootEntry is an entry of the root directory of an assembled root.
type rootEntry struct {
	name    string
	link    string // the target of a symlink
	dir     bool
	covered bool     // something is mounted over it, so that an empty directory is enough
	overlay bool     // --ephemeral: it can be written; the next field belongs to it
	own     []string // directories in it that become the property of the command's user
}

// mountPoint is a place that something is mounted on. make lists what must be made for it in a
// tmpfs that the plan itself mounts; the launcher cannot make that, because the tmpfs does not
// exist yet.
type mountPoint struct {
	target string // absolute, clean
	dir    bool
	mode   uint32   // the mode of the directory that exists there, or 0
	make   []string // directories and finally the mount point itself, which the child makes
}

// privateDir is a directory that each container has for itself, and that is empty at the start.
type privateDir struct {
	mountPoint
	mode string
	why  string
}

// hostDir is a private directory, its mode, and the reason.
type hostDir struct{ dir, mode, why string }

// hostPrivate lists the directories of the host's own tree that are private and empty in a
// container without -m. They contain other users' files and sockets.
var hostPrivate = [...]hostDir{
	{"/tmp", "1777", "private and empty"},
	{"/var/tmp", "1777", "private and empty"},
	{"/var/spool", "0755", "hides the host's queues: mail, printing, scheduled commands"},
	{"/var/log", "0755", "hides the logs of the host's programs"},
	{"/var/cache", "0755", "hides the caches of the host's programs, some of which contain sockets"},
	{"/run", "0755", "hides the host's sockets, such as /run/docker.sock"},
	{"/home", "0755", "hides other users' files"},
	{"/root", "0700", "hides the files of the host's root"},
}

// containersOwn lists the directories that every container has of its own.
var containersOwn = [...]string{"/proc", "/sys", "/dev"}

// setRoot reads -m.
func (c *config) setRoot(f *runFlags) error {
	if f.Mount == nil {
		c.root.host, c.root.dir, c.readOnly = true, "/", true
		return nil
	}
	name := *f.Mount
	if name == "" {
		return fault(func() error {
			return errors.New("-m: the name is empty; to use the host's own tree, leave the flag out")
		})
	}
	fd, dir, e := openReal(name)
	if e != 0 {
		return fault(func() error { return fmt.Errorf("-m %s: %w", name, noPath(name, e)) })
	}
	c.root.fd = fd
	var st unix.Stat_t
	if e := sysFstat(fd, &st); e != 0 {
		return fault(func() error { return fmt.Errorf("-m %s: %w", name, &os.PathError{Op: "stat", Path: dir, Err: e}) })
	}
	if !isDir(&st) {
		return fault(func() error {
			return fmt.Errorf("-m %s: not a directory; -m needs a directory that contains the container's programs", name)
		})
	}
	if dir == "/" {
		return fault(func() error {
			return fmt.Errorf("-m %s: this is the host's own root directory; to use the host's own tree, read-only, leave -m out", name)
		})
	}
	c.root.dir = dir
	return nil
}

// mayEnter returns an error if the container's user may not enter the root directory. To the
// host this user is an ordinary other user, and a directory from mktemp -d can be entered only
// by its owner.
func (c *config) mayEnter(f *runFlags) error {
	if c.root.host {
		return nil
	}
	name, dir := *f.Mount, c.root.dir
	var st unix.Stat_t
	if e := sysFstat(c.root.fd, &st); e != 0 {
		return failedCall("fstat", dir, "", e)
	}
	allowed := st.Mode & unix.S_IXOTH
	switch {
	case int(st.Uid) == c.hostUID:
		allowed = st.Mode & unix.S_IXUSR
	case int(st.Gid) == c.hostGID:
		allowed = st.Mode & unix.S_IXGRP
	}
	if allowed != 0 {
		return nil
	}
	if n, e := sysGetxattr(dir, "system.posix_acl_access", nil); e == 0 && n > 0 {
		return nil
	}
	if c.rootless.single && sysFaccessat(unix.AT_FDCWD, dir, unix.X_OK) == 0 {
		return nil // allowed by one of the user's supplementary groups, which the command keeps
	}
	mode, uid, gid := st.Mode&0o7777, st.Uid, st.Gid
	return fault(func() error {
		return fmt.Errorf("-m %s: mode %04o, owner %d:%d: the container's user, %d:%d on the host, may not enter it: chmod o+x %s (or chown %d:%d %s)",
			name, mode, uid, gid, c.hostUID, c.hostGID, dir, c.hostUID, c.hostGID, dir)
	})
}

// open returns the descriptor of the root directory.
func (r *root) open() (int, error) {
	if r.fd != 0 {
		return r.fd, nil
	}
	fd, e := sysOpen(r.dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if e != 0 {
		return -1, failedCall("open", r.dir, "O_PATH|O_DIRECTORY", e)
	}
	return fd, nil
}

// newLayout decides where everything will be. fd is the root directory. In c.adds, a path comes
// before the paths below it. newLayout makes nothing.
func newLayout(c *config, fd int) (*layout, error) {
	y := keep(layout{root: c.root, fd: fd, adds: c.adds, ephemeral: c.ephemeral, empty: exists(emptyDir)})
	if c.root.host {
		homes, err := c.rootless.homes()
		if err != nil {
			return nil, err
		}
		own := hostTmpfs(homes)
		y.sockets, y.private = hostSockets(own)
		y.private = addAll(y.private, own) // some of these may be in a directory that is covered whole
	} else {
		y.private = list(privateDir{mountPoint{target: "/tmp", dir: true}, "1777", "private and empty"})
	}
	c.private = y.private
	for _, t := range containersOwn {
		if err := y.placeReal("the root directory", keep(mountPoint{target: t, dir: true}), nil); err != nil {
			return nil, err
		}
	}
	var before []mounted
	for i := range y.private {
		t := &y.private[i]
		if err := y.placeReal(text("the private ", t.target), &t.mountPoint, before); err != nil {
			return nil, err
		}
		before = add(before, mounted{target: t.target, tmpfs: true})
	}
	before = add(before, mounted{target: "/dev", tmpfs: true})
	err := y.placeAll(c, before)
	switch {
	case err != nil:
	case y.ephemeral:
		err = y.planEphemeral(c)
	default:
		err = y.decideRoot(c.readOnly)
	}
	if err != nil {
		return nil, err
	}
	y.findHosts(c)
	c.findHome()
	y.interpreters = c.interpreters(candidates(c.argv[0], c.env))
	return y, nil
}

// decideRoot chooses between the plain and the assembled root. For the assembled root it lists
// the entries, for the plain one it lists what must be made.
func (y *layout) decideRoot(readOnly bool) error {
	y.assembled = y.root.host || len(y.missing) > 0 && (readOnly || !writable(y.fd))
	if !y.assembled {
		for _, p := range chains(y.missing) {
			if !y.willHave(p.target) {
				y.toMake = add(y.toMake, p)
			}
		}
		return nil
	}
	for i := range y.missing {
		target := y.missing[i].target
		dir := parentDir(target)
		for dir != "/" && !y.willHave(dir) {
			dir = parentDir(dir)
		}
		if dir != "/" {
			return fault(func() error {
				instead := "make the root writable for this run: --ephemeral"
				if readOnly && !y.root.host && writable(y.fd) {
					instead = "leave --ro out"
				}
				return fmt.Errorf("%s does not exist in the container and cannot be made, because %s is read-only there; choose a directory that exists, a new one directly below /, or one below a --tmpfs; or %s", target, dir, instead)
			})
		}
	}
	if err := y.listRoot(); err != nil {
		return err
	}
	y.missing = chains(y.missing)
	return nil
}

// mostRootEntries is how many entries an assembled root may have. Each is three steps of the plan.
const mostRootEntries = 8192

// listRoot lists the entries of the root directory, sorted by name.
func (y *layout) listRoot() error {
	dir := y.root.dir
	all, e := names(y.fd, ".", mostRootEntries)
	switch {
	case e == unix.E2BIG:
		return fault(func() error {
			return fmt.Errorf("%s has more than %d entries, too many to assemble a root from them; move them to a directory below it, or make the directories that are missing there", dir, mostRootEntries)
		})
	case e != 0 && y.root.host:
		return failedCall("open", dir, "O_RDONLY|O_DIRECTORY", e)
	case e != 0:
		return fault(func() error {
			return fmt.Errorf("-m %s: it has no %s to mount on, it cannot be changed, and it cannot be listed to assemble a root from its entries: %w; chmod o+r %s, or make the missing directory",
				dir, y.missing[0].target, &os.PathError{Op: "open", Path: dir, Err: e}, dir)
		})
	}
	sortStrings(all)
	for _, n := range all {
		var st unix.Stat_t
		if e := sysFstatat(y.fd, n, &st, unix.AT_SYMLINK_NOFOLLOW); e == unix.ENOENT {
			continue
		} else if e != 0 {
			return failedCall("lstat", text(dir, "/", n), "", e)
		}
		entry := rootEntry{name: n, dir: isDir(&st), covered: y.covered(text("/", n))}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			if entry.link, e = sysReadlinkat(y.fd, n); e != 0 {
				return failedCall("readlink", text(dir, "/", n), "", e)
			}
		}
		y.entries = add(y.entries, entry)
	}
	return nil
}

// sortStrings sorts a list by Shell's method. It needs no memory, and with Knuth's sequence of
// gaps its time grows at most as n to the power of 1.5, whatever the names are.
func sortStrings(v []string) {
	step := 1
	for step < len(v)/3 {
		step = 3*step + 1
	}
	for ; step > 0; step /= 3 {
		for i := step; i < len(v); i++ {
			for j := i; j >= step && v[j] < v[j-step]; j -= step {
				v[j], v[j-step] = v[j-step], v[j]
			}
		}
	}
}

// willHave reports whether the container's root will contain the directory.
func (y *layout) willHave(dir string) bool {
	var st unix.Stat_t
	found, e := lookup(y.fd, dir[1:], &st)
	return e == 0 && found
}

// chains adds the missing directories on the way to each missing mount point.
func chains(points []mountPoint) []mountPoint {
	var out []mountPoint
	for _, p := range points {
		for i := 1; i < len(p.target); i++ {
			if p.target[i] == '/' {
				out = addPoint(out, mountPoint{target: p.target[:i], dir: true})
			}
		}
		out = addPoint(out, p)
	}
	return out
}

// addPoint adds a missing mount point, unless it is in the list already.
func addPoint(points []mountPoint, p mountPoint) []mountPoint {
	for i := range points {
		if points[i].target == p.target {
			return points
		}
	}
	return add(points, p)
}

// covered reports whether a mount will cover the whole directory, which is directly below /.
func (y *layout) covered(dir string) bool {
	for _, t := range containersOwn {
		if t == dir {
			return true
		}
	}
	for i := range y.private {
		if y.private[i].target == dir {
			return true
		}
	}
	return false
}

// writable reports whether new directories can be made in the directory.
func writable(dirfd int) bool { return sysFaccessat(dirfd, ".", unix.W_OK) == 0 }

// hostTmpfs returns the private directories of the host's own tree by their real names, because
// /home may be a symlink. homes are the caller's home directories.
func hostTmpfs(homes []hostDir) []privateDir {
	var out []privateDir
	for _, p := range addAll(addAll(nil, hostPrivate[:]), homes) {
		dir, e := realPath(p.dir)
		if e == unix.ENOENT && parentDir(p.dir) == "/" {
			dir, e = p.dir, 0 // the assembled root will contain it
		}
		if e != 0 || beneath(out, dir) {
			continue
		}
		out = add(out, privateDir{mountPoint{target: dir, dir: true}, p.mode, p.why})
	}
	return out
}

// beneath reports whether the directory is one of the private directories or is below one.
func beneath(private []privateDir, dir string) bool {
	for i := range private {
		if _, is := below(dir, private[i].target); is {
			return true
		}
	}
	return false
}

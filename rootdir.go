// Chapters 10 and 16, before anything is mounted: what is where.
//
// openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS.
//
// Everything that is mounted needs a directory or file to be mounted on. This file finds
// out, for each, where it will stand: in the root directory, in a tmpfs that the plan
// mounts, or below an earlier -a; and what is missing there. What is missing in a root
// directory that can be written is made by the launcher before the clone and removed after
// the end; where the root directory cannot be written, or is the host's own tree, the root
// is assembled instead (mount.go) and the root directory stays as it is.
//
// Nothing here is what keeps a destination inside: the child mounts after the pivot, so a
// path can lead nowhere else. This is for clear errors beforehand.
//
// Differs from the tutorial: it made directories on the host wherever the root directory's
// symlinks and `..` led, as root, and left them there.

package main

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// root is the container's root directory.
type root struct {
	dir  string // absolute, symlinks resolved; "/" for the host's own tree
	fd   int    // the directory, O_PATH, opened once; 0 for the host's own tree
	host bool

	idmap int // with --ephemeral: which user namespace it is mounted with, from 1 (mountidmap.go), and then
	owner []idMap
}

// layout is where everything stands in the container's file system.
type layout struct {
	root        root
	fd          int // the root directory, O_PATH
	assembled   bool
	ephemeral   bool         // --ephemeral, and then
	mounts      []lowerMount // what is mounted below the root directory
	userOverlay bool         // overlayfs in a user namespace
	entries     []rootEntry  // of an assembled root
	missing     []mountPoint
	toMake      []mountPoint // in the root directory, by the launcher
	hosts       string       // what /etc/hosts says, or "" for the tree's own
	private     []privateDir
	adds        []addedPath

	sockets      []string // of the host's, which are covered (hostsockets.go)
	interpreters []string // of the command's file (program.go)
}

// rootEntry is an entry of the root directory of an assembled root.
type rootEntry struct {
	name    string
	link    string // a symlink's target
	dir     bool
	covered bool     // something is mounted over it: an empty directory is enough
	overlay bool     // --ephemeral: it can be written, and then
	own     []string // directories in it, which become the command's user's
}

// mountPoint is a place that something is mounted on, and what must be made for it inside
// a tmpfs that the plan itself mounts (the launcher cannot: it is not there yet).
type mountPoint struct {
	target string // absolute, clean
	dir    bool
	mode   uint32   // of the directory that is there, or 0
	make   []string // directories, and last the point itself, to be made by the child
}

// privateDir is an empty directory that every container of its kind gets.
type privateDir struct {
	mountPoint
	mode string
	why  string
}

type hostDir struct{ dir, mode, why string }

// hostPrivate are the directories of the host's own tree that are the container's own and
// empty when it has no root directory: other people's files and sockets.
var hostPrivate = [...]hostDir{
	{"/tmp", "1777", "private, and empty"},
	{"/var/tmp", "1777", "private, and empty"},
	{"/var/spool", "0755", "queues of the host's: mail, printing, scheduled commands"},
	{"/var/log", "0755", "what the host's programs have to say is out of reach"},
	{"/var/cache", "0755", "what the host's programs keep for themselves, sockets among it"},
	{"/run", "0755", "the host's sockets are here (/run/docker.sock): out of reach"},
	{"/home", "0755", "other people's files are out of reach"},
	{"/root", "0700", "the host's root's own files are out of reach"},
}

// containersOwn are the directories that every container gets.
var containersOwn = [...]string{"/proc", "/sys", "/dev"}

// setRoot reads -m.
func (c *config) setRoot(f *runFlags) error {
	if f.Mount == nil {
		c.root.host, c.root.dir, c.readOnly = true, "/", true
		return nil
	}
	name := *f.Mount
	if name == "" {
		return fault(func() error { return errors.New("-m: an empty name; leave the flag out for the host's own tree") })
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
			return fmt.Errorf("-m %s: not a directory; the root directory of a container is one, with its programs in it", name)
		})
	}
	if dir == "/" {
		return fault(func() error {
			return fmt.Errorf("-m %s: is the host's own root; for a container on the host's own tree, read-only, leave -m out", name)
		})
	}
	c.root.dir = dir
	return nil
}

// mayEnter makes sure that the container's user may search the root directory. The user is
// nobody in particular to the host, and mktemp -d gives the permission to its owner only.
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
		return nil // by one of the user's groups, which stay
	}
	mode, uid, gid := st.Mode&0o7777, st.Uid, st.Gid
	return fault(func() error {
		return fmt.Errorf("-m %s: mode %04o, owner %d:%d: the container's user, who is %d:%d to the host, may not enter it; chmod o+x %s (or chown %d:%d %s)",
			name, mode, uid, gid, c.hostUID, c.hostGID, dir, c.hostUID, c.hostGID, dir)
	})
}

// open returns the root directory's descriptor.
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

// newLayout decides where everything stands. fd is the root directory; the paths of c.adds
// come before the paths below them. Nothing is made yet.
func newLayout(c *config, fd int) (*layout, error) {
	y := keep(layout{root: c.root, fd: fd, adds: c.adds, ephemeral: c.ephemeral})
	if c.root.host {
		homes, err := c.rootless.homes()
		if err != nil {
			return nil, err
		}
		y.private = hostTmpfs(homes)
		y.sockets = hostSockets(y.private)
	} else {
		y.private = list(privateDir{mountPoint{target: "/tmp", dir: true}, "1777", "private, and empty"})
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
	y.interpreters = c.interpreters(candidates(c.argv[0], c.env))
	return y, nil
}

// decideRoot chooses between the plain and the assembled root, and lists what the latter
// consists of, or what has to be made in the former.
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
				return fmt.Errorf("%s is not there to be mounted on, and %s is read-only; choose a directory that exists, a new one directly below /, or one below a --tmpfs; or make the root writable for this run: --ephemeral", target, path.Dir(target))
			})
		}
	}
	if err := y.listRoot(); err != nil {
		return err
	}
	y.missing = chains(y.missing)
	return nil
}

// listRoot lists the entries of the root directory, by name.
func (y *layout) listRoot() error {
	dir := y.root.dir
	all, e := names(dir)
	switch {
	case e != 0 && y.root.host:
		return failedCall("open", dir, "O_RDONLY|O_DIRECTORY", e)
	case e != 0:
		return fault(func() error {
			return fmt.Errorf("-m %s: it has no %s to mount on and cannot be changed, and to be put together elsewhere it must be listed: %w; chmod o+r %s, or make what is missing",
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

// sortStrings sorts a short list: by insertion.
func sortStrings(v []string) {
	for i := 1; i < len(v); i++ {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}

// willHave reports whether the directory is in the root directory.
func (y *layout) willHave(dir string) bool {
	var st unix.Stat_t
	found, e := lookup(y.fd, dir[1:], &st)
	return e == 0 && found
}

// chains lists, for each missing point, the directories that lead to it as well.
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

// addPoint adds a mount point that is not there yet.
func addPoint(points []mountPoint, p mountPoint) []mountPoint {
	for i := range points {
		if points[i].target == p.target {
			return points
		}
	}
	return add(points, p)
}

// covered reports whether a directory below / is mounted over as a whole.
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

// writable reports whether directories can be made in the directory.
func writable(dirfd int) bool { return sysFaccessat(dirfd, ".", unix.W_OK) == 0 }

// hostTmpfs returns the private directories of the host's own tree, by their real names:
// /home may be a symlink. homes are the caller's.
func hostTmpfs(homes []hostDir) []privateDir {
	var out []privateDir
	for _, p := range addAll(addAll(nil, hostPrivate[:]), homes) {
		dir, e := realPath(p.dir)
		if e == unix.ENOENT && parentDir(p.dir) == "/" {
			dir, e = p.dir, 0 // the assembled root will have it
		}
		if e != 0 || beneath(out, dir) {
			continue
		}
		out = add(out, privateDir{mountPoint{target: dir, dir: true}, p.mode, p.why})
	}
	return out
}

// beneath reports whether the directory is one of those already, or below one.
func beneath(private []privateDir, dir string) bool {
	for i := range private {
		if _, is := below(dir, private[i].target); is {
			return true
		}
	}
	return false
}

// Chapters 10 and 16, before anything is mounted: what is where.
//
// openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS.
//
// Everything that is mounted needs a directory or file to be mounted on. This file
// finds out, for each, where it will stand: in the root directory, in a tmpfs that
// the plan mounts, or below an earlier -a; and what is missing there. What is
// missing in a root directory that can be written is made by the launcher before
// the clone and removed after the end; where the root directory cannot be written,
// or is the host's own tree, the root is assembled instead (mount.go) and the root
// directory stays as it is.
//
// Nothing here is what keeps a destination inside: the child mounts after the
// pivot, so a path can lead nowhere else. This is for clear errors beforehand.
//
// Differs from the tutorial: it made directories on the host wherever the root
// directory's symlinks and `..` led, as root, and left them there.

package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// root is the container's root directory as the launcher finds it.
type root struct {
	dir       string // absolute, symlinks resolved; "/" for the host's own tree
	host      bool
	fd        int // O_PATH
	assembled bool
	entries   []rootEntry // of an assembled root
	missing   []mountPoint
}

// rootEntry is an entry of the root directory of an assembled root.
type rootEntry struct {
	name    string
	link    string // a symlink's target
	dir     bool
	covered bool // something is mounted over it: an empty directory is enough
}

// ownMounts are the directories that every container gets.
var ownMounts = []string{"/proc", "/sys", "/dev"}

// layout decides where everything stands. The adds have their targets, and a path
// comes before the paths below it.
func (c *config) layout() error {
	var err error
	if c.root.fd, err = unix.Open(c.root.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return &hostError{call: fmt.Sprintf("open(%s, O_PATH|O_DIRECTORY)", quote(c.root.dir)), err: err}
	}
	c.private = []privateDir{{mountPoint{target: "/tmp", dir: true}, "1777", "private, and empty"}}
	if c.root.host {
		if c.private, err = c.hostTmpfs(); err != nil {
			return err
		}
	}
	for _, t := range ownMounts {
		p := mountPoint{target: t, dir: true}
		if err := c.place("the root directory", &p, nil); err != nil {
			return err
		}
	}
	var before []mounted
	for i := range c.private {
		t := &c.private[i]
		if err := c.place("the private "+t.target, &t.mountPoint, before); err != nil {
			return err
		}
		before = append(before, mounted{target: t.target, tmpfs: true})
	}
	before = append(before, mounted{target: "/dev", tmpfs: true})
	for i := range c.adds {
		a := &c.adds[i]
		if err := c.place(a.text, &a.mountPoint, before); err != nil {
			return err
		}
		before = append(before, mounted{target: a.target, tmpfs: a.tmpfs, source: a.source})
	}
	return c.decideRoot()
}

// mounted is something the plan mounts before the mount point in question.
type mounted struct {
	target string
	tmpfs  bool
	source string // of an -a
}

// place finds where p stands and what must be made for it. what names the flag.
func (c *config) place(what string, p *mountPoint, before []mounted) error {
	for i := len(before) - 1; i >= 0; i-- {
		m := before[i]
		rest, ok := below(p.target, m.target)
		switch {
		case !ok:
			continue
		case rest == "":
			return nil // on top of an earlier mount
		case m.tmpfs:
			dir := m.target
			for name := range strings.SplitSeq(rest, "/") {
				dir = path.Join(dir, name)
				p.make = append(p.make, dir)
			}
			return nil
		default:
			return c.placeIn(what, p, m.source, rest)
		}
	}
	return c.placeInRoot(what, p)
}

// below gives the rest of p below dir, if it is there.
func below(p, dir string) (rest string, ok bool) {
	if p == dir {
		return "", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// placeIn checks a mount point below an earlier -a: it must be there, since what
// was added is the user's own and is never written to.
func (c *config) placeIn(what string, p *mountPoint, source, rest string) error {
	fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &hostError{call: fmt.Sprintf("open(%s, O_PATH)", quote(source)), err: err}
	}
	defer unix.Close(fd)
	found, err := lookup(fd, rest)
	if err != nil {
		return fmt.Errorf("%s: %w", what, explainLookup(fd, source, rest, err))
	}
	if found == nil {
		return fmt.Errorf("%s: there is no %s in %s, which is added there: make it first", what, rest, source)
	}
	return sameKind(what, p, found)
}

// placeInRoot checks a mount point in the root directory and, if it is not there,
// notes it as missing.
func (c *config) placeInRoot(what string, p *mountPoint) error {
	rel := strings.TrimPrefix(p.target, "/")
	found, err := lookup(c.root.fd, rel)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, explainLookup(c.root.fd, c.root.dir, rel, err))
	case found != nil:
		return sameKind(what, p, found)
	}
	for _, m := range c.root.missing {
		if m.target == p.target {
			return nil
		}
	}
	c.root.missing = append(c.root.missing, *p)
	return nil
}

// sameKind: a directory can be mounted on a directory only, anything else on
// anything else (mount(2), ENOTDIR).
func sameKind(what string, p *mountPoint, found *unix.Stat_t) error {
	isDir := found.Mode&unix.S_IFMT == unix.S_IFDIR
	switch {
	case p.dir && !isDir:
		return fmt.Errorf("%s: %s in the container is not a directory, and a directory can be mounted on nothing else", what, p.target)
	case !p.dir && isDir:
		return fmt.Errorf("%s: %s in the container is a directory, and a file cannot be mounted on it: name the file, %s", what, p.target, path.Join(p.target, "NAME"))
	}
	return nil
}

// lookup gives the file at rel below the directory dirfd, or nil if there is none.
// A symlink anywhere on the way is the error ELOOP.
func lookup(dirfd int, rel string) (*unix.Stat_t, error) {
	fd, err := unix.Openat2(dirfd, rel, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
	})
	if err == unix.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	return &st, nil
}

// explainLookup says which part of the path is the trouble.
func explainLookup(dirfd int, dir, rel string, err error) error {
	if err != unix.ELOOP && err != unix.ENOTDIR {
		he := &hostError{call: fmt.Sprintf("openat2(%s, %s)", quote(dir), quote(rel)), err: err}
		if err == unix.ENOSYS || err == unix.EPERM {
			he.hint = "a system call filter around tincan refuses it, as tincan's own default filter does, and must allow it"
		}
		return he
	}
	parts := strings.Split(rel, "/")
	for i := range parts {
		part := strings.Join(parts[:i+1], "/")
		fd, e := unix.Openat2(dirfd, part, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_IN_ROOT})
		if e != nil {
			break
		}
		var st unix.Stat_t
		buf := make([]byte, unix.PathMax)
		e = unix.Fstat(fd, &st)
		n, le := unix.Readlinkat(fd, "", buf)
		unix.Close(fd)
		switch {
		case e == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK && le == nil:
			to := string(buf[:n])
			real := to
			if !path.IsAbs(to) {
				real = path.Join("/", path.Dir(part), to)
			}
			return fmt.Errorf("/%s in the container is a symlink to %s, and a mount through a symlink is refused; use the real path: %s",
				part, to, path.Join(append([]string{real}, parts[i+1:]...)...))
		case e == nil && i < len(parts)-1 && st.Mode&unix.S_IFMT != unix.S_IFDIR:
			return fmt.Errorf("/%s in the container is not a directory", part)
		}
	}
	return &hostError{call: fmt.Sprintf("openat2(%s, %s)", quote(dir), quote(rel)), err: err}
}

// decideRoot chooses between the plain and the assembled root, and lists what the
// latter consists of.
func (c *config) decideRoot() error {
	r := &c.root
	r.assembled = r.host || len(r.missing) > 0 && (c.readOnly || !writable(r.fd))
	if !r.assembled {
		return nil
	}
	for _, m := range r.missing {
		dir := path.Dir(m.target)
		for dir != "/" && !c.willHave(dir) {
			dir = path.Dir(dir)
		}
		if dir != "/" {
			return fmt.Errorf("%s is not there to be mounted on, and %s is read-only; choose a directory that exists, a new one directly below /, or one below a --tmpfs", m.target, path.Dir(m.target))
		}
	}
	names, err := os.ReadDir(r.dir)
	switch {
	case err != nil && r.host:
		return err
	case err != nil:
		return fmt.Errorf("-m %s: it has no %s to mount on and cannot be changed, and to be put together elsewhere it must be listed: %w; chmod o+r %s, or make what is missing", r.dir, r.missing[0].target, err, r.dir)
	}
	for _, n := range names {
		e := rootEntry{name: n.Name(), dir: n.IsDir(), covered: c.covered("/" + n.Name())}
		if n.Type()&os.ModeSymlink != 0 {
			if e.link, err = os.Readlink(filepath.Join(r.dir, e.name)); err != nil {
				return err
			}
		}
		r.entries = append(r.entries, e)
	}
	r.missing = chains(r.missing)
	return nil
}

// willHave tells whether the directory is in the root directory.
func (c *config) willHave(dir string) bool {
	found, err := lookup(c.root.fd, strings.TrimPrefix(dir, "/"))
	return err == nil && found != nil
}

// toMake lists what the launcher makes in a root directory: the missing mount points,
// and the directories that lead to them.
func (c *config) toMake() []mountPoint {
	return slices.DeleteFunc(chains(c.root.missing), func(p mountPoint) bool { return c.willHave(p.target) })
}

// chains lists, for each missing point, the directories that lead to it as well.
func chains(points []mountPoint) []mountPoint {
	var out []mountPoint
	seen := map[string]bool{}
	for _, p := range points {
		var up []mountPoint
		for d := path.Dir(p.target); d != "/"; d = path.Dir(d) {
			up = append(up, mountPoint{target: d, dir: true})
		}
		for i := len(up) - 1; i >= -1; i-- {
			q := p
			if i >= 0 {
				q = up[i]
			}
			if !seen[q.target] {
				seen[q.target] = true
				out = append(out, q)
			}
		}
	}
	return out
}

// covered tells whether a directory below / is mounted over as a whole.
func (c *config) covered(dir string) bool {
	for _, t := range ownMounts {
		if t == dir {
			return true
		}
	}
	for _, t := range c.private {
		if t.target == dir {
			return true
		}
	}
	return false
}

// writable tells whether directories can be made in the directory.
func writable(dirfd int) bool {
	return unix.Faccessat(dirfd, ".", unix.W_OK, 0) == nil
}

// beneath tells whether the directory is below one of those already.
func beneath(private []privateDir, dir string) bool {
	return slices.ContainsFunc(private, func(p privateDir) bool {
		_, ok := below(dir, p.target)
		return ok
	})
}

// hostTmpfs gives the private directories of the host's own tree, by their real
// names: /home may be a symlink.
func (c *config) hostTmpfs() ([]privateDir, error) {
	homes, err := c.rootless.homes()
	if err != nil {
		return nil, err
	}
	var out []privateDir
	seen := map[string]bool{}
	for _, p := range append(slices.Clone(hostPrivate), homes...) {
		dir, err := filepath.EvalSymlinks(p.dir)
		if os.IsNotExist(err) && path.Dir(p.dir) == "/" {
			dir, err = p.dir, nil // the assembled root will have it
		}
		if err != nil || seen[dir] || beneath(out, dir) {
			continue
		}
		seen[dir] = true
		out = append(out, privateDir{mountPoint{target: dir, dir: true}, p.mode, p.why})
	}
	return out, nil
}

// Chapter 16: added paths, -a and --tmpfs.
//
// mount(2) MS_BIND, mount_setattr(2), tmpfs(5).
//
// The mounts are made after the pivot, while the host's tree can still be reached, so a
// destination cannot lead out of the container (mount.go).
//
// Differs from the tutorial: -a accepts files as well as directories, and :ro; both sides must
// exist; destinations are not resolved on the host; nothing is left behind.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// addedPath is one -a or --tmpfs.
type addedPath struct {
	mountPoint
	text     string // the flag as the user wrote it
	source   string // -a: absolute, symlinks resolved
	readOnly bool
	device   bool // the source is a device node, which must work
	here     bool // --here
	idmap    int  // the number of the user namespace it is mounted with, from 1 (mountidmap.go); then also:
	owner    []idMap
	group    uint32 // on the disk
	system   bool   // root or a user of the system's is the owner
	tmpfs    bool   // --tmpfs; then also:
	size     string // bytes, or empty for the kernel's default: half the memory
}

// setAdds reads -a, --here and --tmpfs.
func (c *config) setAdds(f *runFlags) error {
	var all []addedPath
	if f.Here != "" {
		a, err := c.hereAdd(f)
		if err != nil {
			return err
		}
		all = add(all, a)
	}
	for _, s := range f.Add {
		a, err := c.parseAdd(s)
		if err != nil {
			return err
		}
		all = add(all, a)
	}
	for _, s := range f.Tmpfs {
		a, err := parseTmpfs(s)
		if err != nil {
			return err
		}
		all = add(all, a)
	}
	if f.Here != "" {
		all = c.openAbove(all)
	}
	c.adds = byDepth(all)
	return nil
}

// byDepth returns the paths in the order in which they are mounted: a path comes before the
// paths below it, regardless of the order of the flags.
func byDepth(all []addedPath) (out []addedPath) {
	for depth := 1; len(out) < len(all); depth++ {
		for _, a := range all {
			if slashes(a.target) == depth {
				out = add(out, a)
			}
		}
	}
	return out
}

// slashes returns the number of slashes in a clean absolute path, which is its depth.
func slashes(p string) int {
	n := 0
	for i := 0; i < len(p); i++ {
		if p[i] == '/' {
			n++
		}
	}
	return n
}

// parseAdd reads HOST:CONTAINER[:ro][:idmap]; `\:` stands for a colon in a name.
func (c *config) parseAdd(s string) (a addedPath, err error) {
	a.text = text("-a ", s)
	parts := splitColons(s)
	switch {
	case len(parts) < 2:
		return a, fault(func() error {
			return fmt.Errorf("-a %s: the colon is missing: write HOST:CONTAINER or HOST:CONTAINER:ro, for instance -a %s:%s (a colon in a name is written \\:)", s, s, filepath.Join("/", s))
		})
	}
	mode, mapped := false, false
	for _, word := range parts[2:] {
		switch {
		case !mode && (word == "ro" || word == "rw"):
			mode, a.readOnly = true, word == "ro"
		case !mapped && word == "idmap":
			mapped = true
		default:
			return a, fault(func() error {
				return fmt.Errorf("-a %s: %q is not allowed after the second colon: only ro (or rw) and idmap are, each once (a colon in a name is written \\:)", s, word)
			})
		}
	}
	if parts[0] == "" {
		return a, fault(func() error { return fmt.Errorf("-a %s: the part before the colon is empty: write HOST:CONTAINER", s) })
	}
	if parts[1] == "" {
		return a, fault(func() error {
			return fmt.Errorf("-a %s: the part after the colon is empty: write HOST:CONTAINER, for instance -a %s:%s", s, parts[0], filepath.Join("/", parts[0]))
		})
	}
	fd, source, e := openReal(parts[0])
	if e != 0 {
		return a, fault(func() error { return fmt.Errorf("-a %s: the host's %w", s, noPath(parts[0], e)) })
	}
	var st unix.Stat_t
	e = sysFstat(fd, &st)
	sysClose(fd)
	if e != 0 {
		return a, fault(func() error { return fmt.Errorf("-a %s: %w", s, &os.PathError{Op: "stat", Path: source, Err: e}) })
	}
	kind := st.Mode & unix.S_IFMT
	a.source, a.dir, a.device = source, kind == unix.S_IFDIR, kind == unix.S_IFCHR || kind == unix.S_IFBLK
	if a.target, err = parseTarget(parts[1]); err != nil {
		return a, fault(func() error { return fmt.Errorf("-a %s: %w", s, err) })
	}
	if mapped {
		if err = c.mapOwner(&a, &st); err == nil && a.idmap > 0 {
			err = checkLinks(a.text, parts[0], source, st.Uid)
		}
	}
	return a, err
}

// noPath returns the error for a path that cannot be resolved. It names the part that does not
// exist.
func noPath(p string, e error) error {
	abs, err := filepath.Abs(p)
	if err == nil {
		_, err = filepath.EvalSymlinks(abs)
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	if err == nil {
		err = e // it exists by now
	}
	return err
}

// parseTmpfs reads DIR[:SIZE].
func parseTmpfs(s string) (a addedPath, err error) {
	a.text, a.tmpfs, a.dir = text("--tmpfs=", s), true, true
	parts := splitColons(s)
	if len(parts) > 2 {
		return a, fault(func() error {
			return fmt.Errorf("--tmpfs=%s: not DIR or DIR:SIZE (a colon in a name is written \\:)", s)
		})
	}
	if len(parts) == 2 {
		n, err := parseSize(parts[1])
		if err != nil {
			return a, fault(func() error { return fmt.Errorf("--tmpfs=%s: %w", s, err) })
		}
		if n == 0 {
			return a, fault(func() error {
				return fmt.Errorf("--tmpfs=%s: the kernel takes a size of 0 for no limit; leave the size out to get the kernel's default", s)
			})
		}
		a.size = unsigned(n)
	}
	if a.target, err = parseTarget(parts[0]); err != nil {
		return a, fault(func() error { return fmt.Errorf("--tmpfs=%s: %w", s, err) })
	}
	return a, nil
}

// parseTarget checks a path of the container and returns it in its shortest form.
func parseTarget(p string) (string, error) {
	if !hasPrefix(p, "/") {
		return "", fault(func() error {
			return fmt.Errorf("%q in the container is not an absolute path, which would begin with /", p)
		})
	}
	for rest := p; rest != ""; {
		var name string
		if name, rest, _ = cut(rest, "/"); name == ".." {
			return "", fault(func() error { return fmt.Errorf("%q in the container: `..` is not allowed here", p) })
		}
	}
	clean := cleanPath(p)
	if clean == "/" {
		return "", fault(func() error {
			return errors.New("nothing can be added at the container's /, which -m chooses; use a path below it")
		})
	}
	if clean == "/dev" {
		return "", fault(func() error {
			return errors.New("nothing can be added at /dev, which is the container's own; use a path below it")
		})
	}
	for _, own := range [...]string{"/proc", "/sys"} {
		if _, is := below(clean, own); is {
			return "", fault(func() error {
				return fmt.Errorf("nothing can be added to %s, which is the container's own", own)
			})
		}
	}
	return clean, nil
}

// splitColons splits a string at its colons, except those written `\:`.
func splitColons(s string) []string {
	var out []string
	b := space(len(s) + 1)
	n := 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ':':
			out = add(out, text(stringOf(b[:n])))
			n = 0
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ':':
			i++
			fallthrough
		default:
			b[n] = s[i]
			n++
		}
	}
	return out
}

// tmpfsMode returns the mode of a --tmpfs. It is the mode of the directory that it is mounted
// on, as programs expect it; its owner can write in any case.
func (a *addedPath) tmpfsMode() string {
	for _, shared := range [...]string{"/tmp", "/var/tmp", "/dev/shm"} {
		if a.target == shared {
			return "1777"
		}
	}
	m := a.mode&0o1777 | 0o700
	if a.mode == 0 {
		m = 0o755
	}
	return text("0", octalText(m))
}

// octalText returns the octal digits of a mode.
func octalText(m uint32) string {
	if m < 8 {
		return decimal(int(m))
	}
	return text(octalText(m>>3), decimal(int(m&7)))
}

// added is step 16. If a mount point is in a tmpfs that the plan mounts, it is made there first.
func added(adds []addedPath, owner tmpfsOwner, d *fds) []*step {
	var steps []*step
	for i := range adds {
		a := &adds[i]
		steps = addAll(steps, a.parents())
		if a.tmpfs {
			steps = add(steps, mount("tmpfs", a.target, "tmpfs", nosuidnodev, owner.options(a.tmpfsMode(), a.size)).because(a.text))
			continue
		}
		attr := uint64(unix.MOUNT_ATTR_NOSUID)
		if !a.device {
			attr |= unix.MOUNT_ATTR_NODEV
		}
		if a.readOnly {
			attr |= unix.MOUNT_ATTR_RDONLY
		}
		idmap := (*step)(nil)
		if a.idmap > 0 {
			idmap = treeIdmap(d, a.idmap, a.source, a.owner)
		}
		steps = addAll(steps, bind(a.source, a.target, attr, idmap, a.text))
	}
	return steps
}

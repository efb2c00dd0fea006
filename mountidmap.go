// Chapter 16: idmapped mounts, for :idmap and --here.
//
// mount_setattr(2) MOUNT_ATTR_IDMAP, user_namespaces(7).
//
// Root's container is user 10000 to the host, and can change nothing in a directory of
// somebody else's. An idmapped mount shows one user's files as another's: what belongs to the
// directory's owner on the disk belongs to the command's user in the container, and what the
// command makes there belongs to that owner. Files of anybody else are nobody's there.
//
// The kernel takes the two ids from a user namespace. So the launcher clones a process into a
// new one, writes its maps, opens the namespace and waits for the process, which has ended at
// once: the descriptor keeps the namespace. The container's first process inherits it.
//
// Differs from the tutorial: what root adds there is read-only for most commands.

package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// idmapping is a user namespace for idmapped mounts: an id on the disk (inside) is shown as an
// id of the host (outside).
type idmapping struct{ uids, gids []idMap }

// firstUser is the first id that is a person's and not the system's (login.defs(5), UID_MIN).
const firstUser = 1000

// mapOwner plans that the files that belong to the owner of an added path appear in the container
// as files of the command's user.
func (c *config) mapOwner(a *addedPath, st *unix.Stat_t) error {
	uid, gid := st.Uid, st.Gid
	switch {
	case int(uid) == c.hostUID:
		return nil
	case c.rootless.on && a.here:
		return nil // without root --here shows the owners as they are: to the host, the command is the caller
	case c.rootless.on:
		return fault(func() error {
			what := "leave :idmap out; the command then has the rights of others for these files"
			if inside, mapped := insideID(c.maps, uid); mapped {
				what = fmt.Sprintf("leave :idmap out, and make the command their owner with --uid=%d", inside)
			}
			return fmt.Errorf("%s: %s belongs to user %d, and the command is user %d to the host; only root can show one user's files as another's: %s", a.text, a.source, uid, c.hostUID, what)
		})
	}
	a.owner = list(idMap{uid, uint32(c.hostUID), 1})
	a.group = gid
	a.system = uid < firstUser || gid < firstUser
	a.idmap = c.idmapFor(a.owner, list(idMap{gid, uint32(c.hostGID), 1}))
	return nil
}

// idmapFor returns the number, from 1, of the user namespace with these maps.
func (c *config) idmapFor(uids, gids []idMap) int {
	for i := range c.idmaps {
		if m := &c.idmaps[i]; mapLines(m.uids) == mapLines(uids) && mapLines(m.gids) == mapLines(gids) {
			return i + 1
		}
	}
	c.idmaps = add(c.idmaps, idmapping{uids, gids})
	return len(c.idmaps)
}

// idmapName returns the name of a user namespace's descriptor in plans.
func idmapName(n int) string {
	if n == 1 {
		return "IDMAP"
	}
	return text("IDMAP", decimal(n))
}

// holders returns the host's steps that make the user namespaces.
func holders(c *config) []*step {
	var steps []*step
	for i := range c.idmaps {
		m := &c.idmaps[i]
		s := hostStep(makesIdmap, "clone3", flags(unix.CLONE_PIDFD|unix.CLONE_NEWUSER|unix.CLONE_CLEAR_SIGHAND, showClone), shown("88", showText)).
			because("HOLDER, a process in a new user namespace, which makes one call: exit_group(0)").hinted(hintUserns)
		s.attr = uint64(i)
		steps = add(steps, s)
		steps = add(steps, hostStep(mapsAlready, "write", shown("/proc/HOLDER/uid_map", showQuoted), shown(mapLines(m.uids), showQuoted)).
			because("the owner on the disk, and who it is to be in the container, in the host's numbers"))
		steps = add(steps, hostStep(mapsAlready, "write", shown("/proc/HOLDER/gid_map", showQuoted), shown(mapLines(m.gids), showQuoted)).
			because("the same for groups"))
		steps = add(steps, hostStep(mapsAlready, "open", shown("/proc/HOLDER/ns/user", showQuoted), shown("O_RDONLY|O_CLOEXEC", showText)).
			because(text(idmapName(i+1), ": it keeps the namespace, and the process is waited for")))
	}
	return steps
}

// makeIdmap makes a user namespace, and opens it as the descriptor that was reserved.
func (l *launch) makeIdmap(s *step) error {
	i := int(s.attr)
	m := &l.c.idmaps[i]
	holder, err := l.startCopy(unix.CLONE_NEWUSER, list(call("exit_group", unix.SYS_EXIT_GROUP, num(0))), one[uint64]())
	if err != nil {
		return err
	}
	dir := text("/proc/", decimal(holder.pid))
	file, op := text(dir, "/uid_map"), "write"
	e := writeFile(file, mapLines(m.uids))
	if e == 0 {
		file = text(dir, "/gid_map")
		e = writeFile(file, mapLines(m.gids))
	}
	if e == 0 {
		var fd int
		file, op = text(dir, "/ns/user"), "open"
		if fd, e = sysOpen(file, unix.O_RDONLY, 0); e == 0 {
			e = sysDup3(fd, l.fds.idmaps[i])
			sysClose(fd)
		}
	}
	if _, err := holder.end(); e == 0 {
		return err
	}
	return failedCall(op, file, "", e).hinted(hintMap)
}

// treeIdmap is mount_setattr(2) of the kept copy: the owner is shown as the command's user. What
// is mounted below it may be of a file system that cannot, and stays as it is.
func treeIdmap(d *fds, n int, source string, owner []idMap) *step {
	a := keep(unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP})
	if n <= len(d.idmaps) {
		a.Userns_fd = uint64(d.idmaps[n-1])
	}
	s := call("mount_setattr", unix.SYS_MOUNT_SETATTR, keptTree(), cstring(""), name(unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"),
		arg{operand: operand{p: unsafe.Pointer(a)}, label: label{idmapName(n), showIdmapAttr}}, num(unsafe.Sizeof(*a))).as(mapsIDs)
	s.deed = keep(deed{file: source, maps: owner})
	return s.because("its owner is the command's user inside")
}

func showIdmapAttr(a arg) string {
	return mountAttrText((*unix.MountAttr)(a.p).Attr_set, a.s)
}

// hintIdmap explains why a file system refuses, and what to do instead.
func (c *config) hintIdmap(s *step, e syscall.Errno) string {
	why := ""
	switch e {
	case unix.EINVAL:
		why = s.file + ": its file system cannot show one user's files as another's (overlayfs, NFS, procfs and sysfs cannot; tmpfs can since Linux 6.3)"
	case unix.EPERM:
		why = s.file + ": its mount shows other owners already, or tincan runs in another container, whose root is not allowed to do this"
	default:
		return hintMountCalls(e)
	}
	owner := s.maps[0].inside
	chown := fmt.Sprintf("chown -R %d:%d %s", c.hostUID, c.hostGID, s.file)
	if c.root.idmap > 0 && s.file == c.root.dir {
		return why + "; copy the tree to another file system, or give it to the container: " + chown
	}
	instead := "leave :idmap out"
	for i := range c.adds {
		a := &c.adds[i]
		switch {
		case a.source != s.file:
		case a.here:
			instead = fmt.Sprintf("instead of --here: -a %s:%s -w %s", s.file, s.file, s.file)
		case a.readOnly:
			return why + "\n" + instead
		}
	}
	instead += "; so that the command can write there, make its user the owner: " + chown
	if owner != 0 { // the command should not be the host's root
		instead += fmt.Sprintf("; or let it run as the owner: --map=%d:%d:1 --gid=%d", c.uid, owner, c.uid)
	}
	return why + "\n" + instead
}

// openAbove covers, on the host's own tree, the first directory above --here's that the command
// could not enter: with an empty one, which hides nothing that it could see. here's is the first.
func (c *config) openAbove(all []addedPath) []addedPath {
	if !c.root.host || c.rootless.on {
		return all // the caller is there, and so can be the command
	}
	dir := all[0].target
	for i := 1; i < len(dir); i++ {
		var st unix.Stat_t
		if dir[i] != '/' || sysStat(dir[:i], &st) == 0 && st.Mode&unix.S_IXOTH != 0 {
			continue
		}
		for j := range all {
			if all[j].target == dir[:i] {
				return all
			}
		}
		return add(all, addedPath{mountPoint: mountPoint{target: text(dir[:i]), dir: true}, text: "--here: a directory above it that the command could not enter", tmpfs: true})
	}
	return all
}

// setIDCalls are those by which a file can be made set-id: with the mode in an argument and,
// where the mode counts with some flags only, these. Where the mode lies in memory no filter sees
// it.
var setIDCalls = [...]struct {
	name        string
	mode, flags int
}{
	{"chmod", 1, -1}, {"fchmod", 1, -1}, {"fchmodat", 2, -1}, {"fchmodat2", 2, -1}, {"creat", 1, -1}, {"mknod", 1, -1}, {"mknodat", 2, -1},
	{"open", 2, 1}, {"openat", 3, 2}, {"openat2", -1, -1}, {"io_uring_setup", -1, -1},
}

// setIDModes are modes that a filter may judge differently: the kernel takes no notice of a file's
// type, nor of what is above the lowest 16 bits. openFlags are the same for a file that is made.
var (
	setIDModes = [...]uint64{unix.S_ISUID | 0o755, unix.S_ISGID | 0o755, unix.S_ISUID | unix.S_ISGID | 0o755, unix.S_ISUID | 0o111,
		unix.S_IFREG | unix.S_ISUID | 0o755, unix.S_IFREG | unix.S_ISGID | 0o755, 1<<16 | unix.S_ISUID | 0o755, 1<<32 | unix.S_ISUID | 0o755}
	openFlags = [...]uint64{unix.O_CREAT | unix.O_RDWR, unix.O_CREAT | unix.O_WRONLY, unix.O_CREAT, unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, unix.O_TMPFILE | unix.O_RDWR}
)

// checkSetID makes sure that what a command can do as root, or as a user of the system's, in a
// directory of theirs is less than to be them: no program that runs as them, for anybody.
func (c *config) checkSetID(f *runFlags) error {
	for i := range c.adds {
		a := &c.adds[i]
		if !a.system || a.readOnly {
			continue
		}
		if c.keep.has(unix.CAP_SETFCAP) {
			return fault(func() error {
				return fmt.Errorf("%s: %s belongs to %s, and with CAP_SETFCAP the command could make programs there that have capabilities on the host; drop that capability (--cap-drop=SETFCAP), or add the directory read-only", a.text, a.source, a.ownerText())
			})
		}
		err := fault(func() error {
			call := ""
			if f.Seccomp == "default" {
				return a.checkPrograms() // this filter refuses the calls, as a test says
			}
			if c.program == nil {
				call = "chmod"
			} else if call = setIDCall(c.program); call == "" {
				return a.checkPrograms()
			}
			return fmt.Errorf("%s: %s belongs to %s, and --seccomp=%s allows %s, with which the command could make a set-user-ID program there: everybody on this host who runs it would run it with that owner's rights; use --seccomp=default, %s", a.text, a.source, a.ownerText(), f.Seccomp, call, instead)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ownerText names the owner of the source, for messages.
func (a *addedPath) ownerText() string {
	if a.owner[0].inside == 0 {
		return "root"
	}
	return fmt.Sprintf("user %d and group %d (ids below %d belong to the system)", a.owner[0].inside, a.group, firstUser)
}

// setIDCall returns a call by which a program under the filter can make a set-id file, or "".
//
//tincan:runtime
func setIDCall(program []unix.SockFilter) string {
	native, err := abiNamed("")
	if err != nil {
		return err.Error()
	}
	for i := range abis {
		a := &abis[i]
		if a.family != native.family {
			continue
		}
		for _, c := range setIDCalls {
			nr, known := a.number(c.name)
			if !known {
				continue
			}
			for i := range len(setIDModes) * len(openFlags) {
				s := sysCall{nr: nr, arch: a.audit}
				if c.mode >= 0 {
					s.args[c.mode] = setIDModes[i%len(setIDModes)]
				}
				if c.flags >= 0 {
					s.args[c.flags] = openFlags[i/len(setIDModes)]
				}
				if v, _, err := runFilter(program, &s); err != nil || v.permits() {
					return c.name
				}
			}
		}
	}
	return ""
}

// hereAdd reads --here: the current directory, by its own path.
func (c *config) hereAdd(f *runFlags) (a addedPath, err error) {
	how := string(f.Here)
	a.text, a.dir, a.here, a.readOnly = "--here", true, true, how == "ro"
	if how != "rw" && how != "ro" {
		return a, fault(func() error {
			return fmt.Errorf("--here=%s: write --here=ro to make the directory read-only, or --here to make it writable", how)
		})
	}
	fd, dir, e := openReal(".")
	if e != 0 {
		return a, failedCall("open", ".", "O_PATH", e)
	}
	var st unix.Stat_t
	e = sysFstat(fd, &st)
	sysClose(fd)
	switch {
	case e != 0:
		return a, failedCall("fstat", dir, "", e)
	case st.Nlink == 0:
		return a, fault(func() error { return errors.New("--here: the current directory has been removed; cd to another") })
	case dir == "/":
		return a, fault(func() error {
			return errors.New("--here: the current directory is /, the whole host; cd to the directory that the command is to work in")
		})
	}
	a.source = dir
	if a.target, err = parseTarget(dir); err == nil {
		if err = c.mapOwner(&a, &st); err == nil && a.idmap > 0 {
			err = checkLinks("--here", ".", dir, st.Uid)
		}
		return a, err
	}
	return a, fault(func() error {
		return fmt.Errorf("--here: the current directory is %s, and %w; start tincan in another directory", dir, err)
	})
}

// Chapters 10 and 16: mount points that are missing in a root directory. They are made before
// the clone, and removed when no run uses them any more.
//
// openat2(2) RESOLVE_IN_ROOT, mkdirat(2), mknodat(2), unlinkat(2), flock(2), setfsuid(2).
//
// Removing a directory also removes the mounts on it in all other mount namespaces, so a run
// must not remove a directory that another run has mounted on. Each root directory has a note in
// the ledger that lists what was made in it. Each run that has found or made one of these mount
// points holds a shared lock on the note. At its end a run tries to get the exclusive lock,
// without waiting. The run that gets it is the last one, and removes what is listed. A run that
// found everything it needs, and an empty note, gives up its lock at once.
//
// Paths are resolved in the root directory, and a symlink in the path is an error, so nothing
// outside the root directory is ever made or removed.
//
// Differs from the tutorial: the tutorial leaves behind the directories that it made for -a.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// treeUse is what a run holds while it uses a root directory.
type treeUse struct {
	root int      // the root directory, O_PATH
	dir  string   // its name
	note int      // the descriptor of its note, or 0
	name string   // the name of the note
	made []string // records of what was made, if there is no directory for notes
}

// treePrefix is the beginning of the name of a root directory's note.
const treePrefix = "tree-"

// useTree registers this run as a user of the root directory. It must be called before the
// search for what is missing there.
func (l *ledger) useTree(root int, dir string) error {
	l.tree.root, l.tree.dir = root, dir
	l.open()
	if l.dir < 0 {
		return nil
	}
	name, e := treeName(root)
	if e != 0 {
		return failedCall("fstat", dir, "", e)
	}
	fd, e := l.openNote(name, unix.O_CREAT, unix.LOCK_SH)
	if e != 0 {
		return failedCall("open", text(l.path, "/", name), "O_RDWR|O_CREAT, 0600", e)
	}
	l.tree.note, l.tree.name = fd, name
	return nil
}

// treeName returns the name of a root directory's note.
func treeName(root int) (string, syscall.Errno) {
	var st unix.Stat_t
	e := sysFstat(root, &st)
	return text(treePrefix, unsigned(st.Dev), "-", unsigned(st.Ino)), e
}

// lacksNothing is called when the search has found that nothing is missing in the root
// directory. If no run has made any of it, no run will remove it, and this run's lock would only
// block others. The note is read after the search, because a run writes a mount point down
// before it makes it.
func (l *ledger) lacksNothing() error {
	var st unix.Stat_t
	if l.tree.note != 0 && sysFstat(l.tree.note, &st) == 0 && st.Size == 0 {
		return l.leaveTree()
	}
	return nil
}

// leaveTree ends the use of the root directory. The last run removes what was made.
func (l *ledger) leaveTree() (first error) {
	u := &l.tree
	if u.note != 0 {
		if sysFlock(u.note, unix.LOCK_EX|unix.LOCK_NB) == 0 {
			first = l.undoTree(u.note, u.name, u.root, u.dir)
		}
		sysClose(u.note)
		u.note = 0
	}
	if len(u.made) > 0 {
		first = removePoints(u.root, u.dir, u.made)
		u.made = nil
	}
	return first
}

// notePoint writes a mount point into the note. It must be called before the mount point is
// made.
func (l *ledger) notePoint(rel string, dir bool) error {
	word := "file "
	if dir {
		word = "dir "
	}
	u := &l.tree
	record := text(word, rel)
	if u.note == 0 {
		u.made = add(u.made, record)
		return nil
	}
	// Another run may have written the first record at the same time. The note then contains it
	// twice.
	record = text(record, endOfRecord)
	var st unix.Stat_t
	if sysFstat(u.note, &st) == 0 && st.Size == 0 {
		record = text("tree ", u.dir, endOfRecord, record)
	}
	return l.append(u.note, u.name, record)
}

// undoTree removes the mount points that a root directory's note lists, and then the note
// itself. root is the root directory, or -1 to find it by the note. The caller holds the
// exclusive lock.
func (l *ledger) undoTree(fd int, name string, root int, dir string) (first error) {
	all, e := records(fd)
	if e != 0 {
		return failedCall("read", text(l.path, "/", name), "", e)
	}
	opened := -1
	if root < 0 && len(all) > 0 {
		dir, _ = cutPrefix(all[0], "tree ")
		if opened, e = sysOpen(dir, unix.O_PATH|unix.O_DIRECTORY, 0); e == 0 {
			root = opened
			if now, e := treeName(root); e != 0 || now != name {
				root = -1 // another directory has this name now, and what was made is gone
			}
		}
	}
	if root >= 0 {
		first = removePoints(root, dir, all)
	}
	if opened >= 0 {
		sysClose(opened)
	}
	if first == nil {
		sysUnlinkat(l.dir, name, 0)
	}
	return first
}

// removePoints removes the mount points that the records list, the deepest first. Several runs
// may have made parts of one path, in any order.
func removePoints(root int, dir string, records []string) (first error) {
	deepest := 0
	for _, r := range records {
		deepest = max(deepest, slashes(r))
	}
	for depth := deepest; depth >= 0; depth-- {
		for i := len(records) - 1; i >= 0; i-- {
			word, rel, _ := cut(records[i], " ")
			if (word != "dir" && word != "file") || slashes(rel) != depth {
				continue
			}
			if err := removePoint(root, dir, rel, word == "dir"); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

// makePoint makes a missing mount point in the root directory. The directories on the way to it
// are steps of their own. Another run may make the same mount point at the same time.
func (l *ledger) makePoint(y *layout, target string, dir bool) error {
	rel := target[1:]
	parent, e := openParent(y.fd, rel)
	if e == 0 {
		var st unix.Stat_t
		switch e = sysFstatat(parent, baseName(rel), &st, unix.AT_SYMLINK_NOFOLLOW); {
		case e == 0 && st.Mode&unix.S_IFMT == unix.S_IFLNK:
			e = unix.ELOOP
		case e == 0:
			sysClose(parent)
			return nil
		case e == unix.ENOENT:
			err := l.notePoint(rel, dir)
			if err == nil {
				err = makeIn(parent, text(y.root.dir, target), dir)
			}
			sysClose(parent)
			return err
		}
		sysClose(parent)
	}
	return fault(func() error { return explainLookup(y.fd, y.root.dir, rel, e) })
}

// makeIn makes a directory or an empty file in a directory. Its mode is that of a usual umask,
// whatever umask the caller has.
func makeIn(parent int, name string, dir bool) error {
	e := makeOne(parent, baseName(name), dir)
	if e == unix.EOVERFLOW {
		e = makeAsOwner(parent, baseName(name), dir)
	}
	switch {
	case e == 0 || e == unix.EEXIST:
		return nil
	case dir:
		return failedCall("mkdir", name, "0755", e)
	}
	return failedCall("mknod", name, "S_IFREG|0644", e)
}

func makeOne(parent int, name string, dir bool) (e syscall.Errno) {
	old := sysUmask(0)
	if dir {
		e = sysMkdirat(parent, name, 0o755)
	} else {
		e = sysMknodat(parent, name, unix.S_IFREG|0o644)
	}
	sysUmask(old)
	return e
}

// makeAsOwner is for a directory on an idmapped mount (mount_setattr(2)) where root's id cannot
// own a file: it makes the directory or file with the ids of the directory's owner. It changes
// the ids of this thread only (setfsuid(2)), and changes them back.
func makeAsOwner(parent int, name string, dir bool) syscall.Errno {
	var st unix.Stat_t
	if e := sysFstat(parent, &st); e != 0 {
		return e
	}
	lockThread()
	gid := sysSetfsid(unix.SYS_SETFSGID, int(st.Gid))
	uid := sysSetfsid(unix.SYS_SETFSUID, int(st.Uid))
	e := makeOne(parent, name, dir)
	sysSetfsid(unix.SYS_SETFSUID, uid)
	sysSetfsid(unix.SYS_SETFSGID, gid)
	return e
}

func sysSetfsid(nr uintptr, id int) (old int) {
	r, _ := rawCall(nr, uintptr(id), 0, 0, 0, 0, 0)
	return int(r)
}

// openParent opens the directory that contains rel.
func openParent(root int, rel string) (int, syscall.Errno) {
	dir := "."
	if i := lastIndexByte(rel, '/'); i > 0 {
		dir = rel[:i]
	}
	return sysOpenat2(root, dir, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
}

// removePoint removes a mount point if it is still empty.
func removePoint(root int, dir, rel string, isDir bool) error {
	parent, e := openParent(root, rel)
	switch e {
	case 0:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		return nil // removed together with the directories above it
	default:
		return failedCall("openat2", text(dir, "/", rel), "", e)
	}
	call, how := "rmdir", unix.AT_REMOVEDIR
	if !isDir {
		call, how = "unlink", 0
		var st unix.Stat_t
		if e := sysFstatat(parent, baseName(rel), &st, unix.AT_SYMLINK_NOFOLLOW); e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != 0 {
			sysClose(parent)
			return nil // someone else uses it by now
		}
	}
	e = sysUnlinkat(parent, baseName(rel), how)
	sysClose(parent)
	switch e {
	case 0, unix.ENOENT, unix.ENOTEMPTY, unix.ENOTDIR: // the last two: someone else uses it by now
		return nil
	}
	return failedCall(call, text(dir, "/", rel), "", e)
}

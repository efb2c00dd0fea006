// Mount points that are missing in a root directory: made before the clone, removed at the
// end (ledger.go says when).
//
// openat2(2) RESOLVE_IN_ROOT, mkdirat(2), unlinkat(2) AT_REMOVEDIR, setfsuid(2).
//
// Paths are resolved in the root directory, and a symlink on the way is an error: nothing
// outside is ever made or removed.
//
// Differs from the tutorial: what it made for -a stayed behind.

package main

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// makePoint makes a missing mount point in the root directory. What leads to it is a step
// of its own. Another run may make the same one at the same time.
func (l *ledger) makePoint(y *layout, target string, dir bool) error {
	rel := target[1:]
	var st unix.Stat_t
	found, e := lookup(y.fd, rel, &st)
	if e != 0 {
		return fault(func() error { return explainLookup(y.fd, y.root.dir, rel, e) })
	}
	if found {
		return nil
	}
	if err := l.notePoint(rel, dir); err != nil {
		return err
	}
	e = makeIn(y.fd, rel, dir)
	if e == unix.EOVERFLOW {
		e = makeAsOwner(y.fd, rel, dir)
	}
	if e != 0 && e != unix.EEXIST {
		call, mode := "mkdir", "0755"
		if !dir {
			call, mode = "mknod", "S_IFREG|0644"
		}
		return failedCall(call, text(y.root.dir, target), mode, e)
	}
	return nil
}

// makeIn makes a directory or an empty file at rel below root, with the mode of a usual
// umask whatever the caller's is.
func makeIn(root int, rel string, dir bool) syscall.Errno {
	parent, e := openParent(root, rel)
	if e != 0 {
		return e
	}
	old := sysUmask(0)
	if dir {
		e = sysMkdirat(parent, baseName(rel), 0o755)
	} else {
		var fd int
		if fd, e = sysOpenat(parent, baseName(rel), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW, 0o644); e == 0 {
			sysClose(fd)
		}
	}
	sysUmask(old)
	sysClose(parent)
	return e
}

// makeAsOwner is for a directory on an idmapped mount (mount_setattr(2)) in which root has
// no id that a file could belong to: it is made in the name of the directory's owner. The
// change is one of this thread's (setfsuid(2)), and is taken back.
func makeAsOwner(root int, rel string, dir bool) syscall.Errno {
	parent, e := openParent(root, rel)
	if e != 0 {
		return e
	}
	var st unix.Stat_t
	e = sysFstat(parent, &st)
	sysClose(parent)
	if e != 0 {
		return e
	}
	lockThread()
	gid := sysSetfsid(unix.SYS_SETFSGID, int(st.Gid))
	uid := sysSetfsid(unix.SYS_SETFSUID, int(st.Uid))
	e = makeIn(root, rel, dir)
	sysSetfsid(unix.SYS_SETFSUID, uid)
	sysSetfsid(unix.SYS_SETFSGID, gid)
	return e
}

func sysSetfsid(nr uintptr, id int) (old int) {
	r, _, _ := syscall.RawSyscall6(nr, uintptr(id), 0, 0, 0, 0, 0)
	return int(r)
}

// openParent opens the directory that rel is in.
func openParent(root int, rel string) (int, syscall.Errno) {
	dir := "."
	if i := strings.LastIndexByte(rel, '/'); i > 0 {
		dir = rel[:i]
	}
	return sysOpenat2(root, dir, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
}

// removePoint removes a mount point that is still empty.
func removePoint(root int, dir, rel string, isDir bool) error {
	parent, e := openParent(root, rel)
	switch e {
	case 0:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		return nil // gone, with what leads to it
	default:
		return failedCall("openat2", text(dir, "/", rel), "", e)
	}
	how := unix.AT_REMOVEDIR
	if !isDir {
		how = 0
		var st unix.Stat_t
		if e := sysFstatat(parent, baseName(rel), &st, unix.AT_SYMLINK_NOFOLLOW); e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != 0 {
			sysClose(parent)
			return nil // somebody's by now
		}
	}
	e = sysUnlinkat(parent, baseName(rel), how)
	sysClose(parent)
	switch e {
	case 0, unix.ENOENT, unix.ENOTEMPTY, unix.ENOTDIR: // the last two: somebody's by now
		return nil
	}
	return failedCall("rmdir", text(dir, "/", rel), "", e)
}

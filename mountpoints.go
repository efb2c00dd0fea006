// Mount points that are missing in a root directory: made before the clone, removed
// at the end (ledger.go says when).
//
// openat2(2) RESOLVE_IN_ROOT, mkdirat(2), unlinkat(2) AT_REMOVEDIR, setfsuid(2).
//
// Paths are resolved in the root directory, and a symlink on the way is an error:
// nothing outside is ever made or removed.

package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// makePoint makes a missing mount point in the root directory, and the directories
// that lead to it. A symlink on the way is an error, and nothing outside is reached.
func (l *ledger) makePoint(r *root, p mountPoint) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for _, q := range chains([]mountPoint{p}) {
		rel := strings.TrimPrefix(q.target, "/")
		found, err := lookup(r.fd, rel)
		if err == nil && found != nil {
			continue
		}
		if err != nil {
			return explainLookup(r.fd, r.dir, rel, err)
		}
		kind := "f"
		if q.dir {
			kind = "d"
		}
		if err := l.note(entry{"made", []string{l.root, kind, r.dir, rel}}); err != nil {
			return err
		}
		err = makeIn(r.fd, rel, q.dir)
		if err == unix.EOVERFLOW {
			err = makeAsOwner(r.fd, rel, q.dir)
		}
		if err != nil {
			return &hostError{call: fmt.Sprintf("mkdir(%s, 0755)", quote(filepath.Join(r.dir, rel))), err: err}
		}
	}
	return nil
}

// makeIn makes a directory or an empty file at rel below root.
func makeIn(root int, rel string, dir bool) error {
	parent, err := openParent(root, rel)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	base := path.Base(rel)
	if dir {
		if err := unix.Mkdirat(parent, base, 0o755); err != nil {
			return err
		}
		return unix.Fchmodat(parent, base, 0o755, 0) // whatever the caller's umask is
	}
	fd, err := unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// makeAsOwner is for a directory on an idmapped mount (mount_setattr(2)) in which root
// has no id that a file could belong to: it is made in the name of the directory's
// owner. The change is one of this thread's (setfsuid(2)), and is taken back.
func makeAsOwner(root int, rel string, dir bool) error {
	parent, err := openParent(root, rel)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	var st unix.Stat_t
	if err := unix.Fstat(parent, &st); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	gid, err := unix.SetfsgidRetGid(int(st.Gid))
	if err != nil {
		return err
	}
	defer unix.Setfsgid(gid)
	uid, err := unix.SetfsuidRetUid(int(st.Uid))
	if err != nil {
		return err
	}
	defer unix.Setfsuid(uid)
	return makeIn(root, rel, dir)
}

func openParent(root int, rel string) (int, error) {
	return unix.Openat2(root, path.Dir("/" + rel)[1:]+"/.", &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
	})
}

// removePoint removes a mount point, if the root directory is still the same one
// and the mount point is still empty.
func removePoint(e entry) error {
	id, kind, dir, rel := e.words[0], e.words[1], e.words[2], e.words[3]
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // gone as a whole
	}
	defer unix.Close(root)
	if now, err := fileID(root); err != nil || now != id {
		return nil
	}
	parent, err := openParent(root, rel)
	if err != nil {
		return nil
	}
	defer unix.Close(parent)
	base, how := path.Base(rel), unix.AT_REMOVEDIR
	if kind == "f" {
		how = 0
		var st unix.Stat_t
		if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != 0 {
			return nil // somebody's by now
		}
	}
	switch err := unix.Unlinkat(parent, base, how); err {
	case nil, unix.ENOENT, unix.ENOTEMPTY, unix.ENOTDIR:
		return nil // the last two: somebody's by now
	default:
		return &hostError{call: "rmdir(" + quote(filepath.Join(dir, rel)) + ")", err: err}
	}
}

// fileID identifies an open file.
func fileID(fd int) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", &os.PathError{Op: "fstat", Path: fmt.Sprintf("descriptor %d", fd), Err: err}
	}
	return strconv.FormatUint(st.Dev, 10) + ":" + strconv.FormatUint(st.Ino, 10), nil
}

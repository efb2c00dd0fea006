// The record of what a run has made on the host, so that it is removed in every case.
//
// flock(2), openat(2), getdents64(2), unlinkat(2).
//
// A launcher that is killed cannot clean up. A later run does it, and for that it must find out
// what was made, and that nobody uses it any more. A locked file tells both: the kernel releases
// the lock when the process that holds it ends. There are three kinds of these files, called notes,
// in a directory that only this user can write:
//
//   - A run that makes a resource group has a note of its own, PID-TIME, which it keeps locked. It
//     lists the group's directories. If its lock is free, the run that wrote it is dead.
//   - A root directory in which runs have made mount points has a note tree-DEV-INO
//     (mountpoints.go). Each run that uses them holds a shared lock.
//   - A range of ids that only one container uses has a note ids-FIRST (idranges.go).
//
// A run opens its own notes. At its end it tries the locks of mostNotes others, beginning where the
// last run stopped, so its cost does not depend on how many other runs there are. The rules are
// simple. The kernel keeps the locks, so nothing is counted, nothing becomes stale and no process
// id is trusted. A run waits for a lock only as long as another run looks at the note. A note is a
// list of records, and records are only added. Only what is empty is ever removed.
//
// Differs from the tutorial: what a killed launcher of the tutorial leaves behind stays.

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ledger is what this run has made, and its notes about it.
type ledger struct {
	who     caller
	opened  bool
	looked  bool
	dir     int    // the directory of the notes, or -1 if none can be used
	path    string // the name of that directory
	tooMany bool   // a directory could not be opened because all descriptors are in use

	note     int // this run's own note, or 0
	noteName string
	groups   []string
	leaf     string
	home     string

	idsNote int // the lock on a range of ids, or 0 (idranges.go)
	idsName string

	tree treeUse
}

// mostNotes is how many notes of other runs a run opens at its end.
const mostNotes = 4

// cursorName is the file that says where the last look stopped, if it stopped early.
const cursorName = "cursor"

// ledgerDirs returns the directories to try, in order: a minimal host may have no /run. Users
// who are not root have directories of their own. So do users who are root only in a user
// namespace (unshare -r), because there are many of those.
func ledgerDirs(w caller) []string {
	id := w.uid
	if w.around != nil {
		id, _ = hostID(w.around.uids, id)
	}
	if id == 0 {
		return list("/run/tincan", "/dev/shm/tincan", "/tmp/tincan")
	}
	var dirs []string
	if run, _ := getenv("XDG_RUNTIME_DIR"); hasPrefix(run, "/") { // file-hierarchy(7): /run/user/UID
		dirs = add(dirs, text(run, "/tincan"))
	}
	if w.uid == 0 {
		dirs = add(dirs, "/run/tincan") // of a container in which this user is root
	}
	own := text("/tincan-", decimal(id))
	return add(add(dirs, text("/dev/shm", own)), text("/tmp", own))
}

// newLedger returns the ledger of a caller. It opens nothing.
func newLedger(w caller) *ledger { return keep(ledger{who: w, dir: -1}) }

// open opens the directory of the notes. A directory in memory is preferred: on a disk, removing
// a file can take longer than all the rest of a run. A directory that belongs to another user,
// or that cannot be made, is skipped. If none is left, the run goes on without notes, and what a
// killed launcher has made stays. So no user can prevent another user's runs.
func (l *ledger) open() {
	if l.opened {
		return
	}
	l.opened = true
	dirs := ledgerDirs(l.who)
	for _, inMemory := range [...]bool{true, false} {
		for _, dir := range dirs {
			if isInMemory(parentDir(dir)) == inMemory && l.tryDir(dir) {
				return
			}
		}
	}
	if home, _ := getenv("HOME"); hasPrefix(home, "/") && l.who.uid != 0 && l.tryDir(text(home, "/.tincan")) {
		return
	}
	if l.tooMany {
		remark("tincan could not open a file for its notes, so what this run makes stays if tincan is killed: raise the limit of open files (ulimit -n)")
		return
	}
	remark("no directory was found for tincan's notes, so what this run makes stays if tincan is killed: mount a tmpfs on /run or, if you are not root, set XDG_RUNTIME_DIR to a directory of your own")
}

func isInMemory(dir string) bool {
	var st unix.Statfs_t
	return sysStatfs(dir, &st) == 0 && (st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC)
}

// tryDir opens a directory that only this user can write. It makes the directory if it does not
// exist.
func (l *ledger) tryDir(dir string) bool {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, e := sysOpen(dir, flags, 0)
	if e == unix.ENOENT {
		old := sysUmask(0)
		e = sysMkdir(dir, 0o700)
		sysUmask(old)
		if e == 0 || e == unix.EEXIST { // EEXIST: another run has just made it
			fd, e = sysOpen(dir, flags, 0)
		}
	}
	if e != 0 {
		l.tooMany = l.tooMany || e == unix.EMFILE
		return false
	}
	var st unix.Stat_t
	if sysFstat(fd, &st) != 0 || int(st.Uid) != sysGeteuid() || st.Mode&0o022 != 0 || sysFaccessat(fd, ".", unix.W_OK) != 0 {
		sysClose(fd)
		return false
	}
	l.dir, l.path = fd, dir
	return true
}

// openFile opens or makes a file in the directory. Its mode does not depend on the caller's
// umask.
func (l *ledger) openFile(name string, flags int) (int, syscall.Errno) {
	flags |= unix.O_RDWR | unix.O_NOFOLLOW | unix.O_NONBLOCK
	if flags&unix.O_CREAT == 0 {
		return sysOpenat(l.dir, name, flags, 0)
	}
	old := sysUmask(0)
	fd, e := sysOpenat(l.dir, name, flags, 0o600)
	sysUmask(old)
	return fd, e
}

// openNote opens or makes a note, and locks it. If the lock is taken and how says not to wait, e
// is EWOULDBLOCK. If the note was removed just before it was locked, openNote opens it again.
func (l *ledger) openNote(name string, flags, how int) (int, syscall.Errno) {
	for {
		fd, e := l.openFile(name, unix.O_APPEND|flags)
		if e != 0 {
			return -1, e
		}
		var st unix.Stat_t
		if e = sysFlock(fd, how); e == 0 {
			e = sysFstat(fd, &st)
		}
		if e == 0 && st.Nlink > 0 {
			return fd, 0
		}
		sysClose(fd)
		if e != 0 {
			return -1, e
		}
	}
}

// noteGroups writes the group's directories into the note. It must be called before they are
// made.
func (l *ledger) noteGroups(dirs []string) error {
	for _, d := range dirs {
		l.groups = add(l.groups, d)
	}
	return l.write("group ", dirs)
}

// notOurs removes directories from the note that another run has made at the same time.
func (l *ledger) notOurs(dirs []string) error {
	l.groups = l.groups[:len(l.groups)-len(dirs)]
	return l.write("not ", dirs)
}

// noteLeaf writes down the launcher's own group and the group it came from (cgroupdelegate.go).
func (l *ledger) noteLeaf(leaf, home string) error {
	l.leaf, l.home = leaf, home
	return l.write("leaf ", list(leaf))
}

// write adds records to this run's own note, in a single write(2).
func (l *ledger) write(word string, names []string) error {
	l.open()
	if l.dir < 0 {
		return nil
	}
	if l.note == 0 {
		name := text(decimal(sysGetpid()), "-", unsigned(uint64(sysClock())))
		// Another run may be trying the lock at this moment. It then finds an empty note and
		// removes it, and the loop makes a new one.
		fd, e := l.openNote(name, unix.O_CREAT|unix.O_EXCL, unix.LOCK_EX)
		if e != 0 {
			return failedCall("open", text(l.path, "/", name), "O_RDWR|O_CREAT|O_EXCL, 0600", e)
		}
		l.note, l.noteName = fd, name
	}
	records := ""
	for _, n := range names {
		records = text(records, word, n, endOfRecord)
	}
	return l.append(l.note, l.noteName, records)
}

// endOfRecord ends a record of a note. No file name contains it.
const endOfRecord = "\x00"

// append appends records to a note.
func (l *ledger) append(fd int, name, records string) error {
	n, e := sysWrite(fd, records)
	if e == 0 && n < len(records) {
		e = unix.ENOSPC
	}
	if e != 0 {
		return failedCall("write", text(l.path, "/", name), "", e)
	}
	return nil
}

// records returns the records of a note. A record that is incomplete, because its writer died,
// is left out.
func records(fd int) (out []string, e syscall.Errno) {
	sysLseek(fd, 0, 0)
	content, e := readAll(fd)
	for e == 0 {
		record, rest, whole := cut(content, endOfRecord)
		if !whole {
			break
		}
		out, content = add(out, record), rest
	}
	return out, e
}

// close ends the run. It removes what this run has made, unless other runs use it, and some of
// what dead runs have left. It returns the first error.
func (l *ledger) close() error {
	first := l.closeOwn()
	l.giveIDs()
	if err := l.leaveTree(); err != nil && first == nil {
		first = err
	}
	l.look()
	if l.dir >= 0 {
		sysClose(l.dir)
	}
	return first
}

// closeOwn removes this run's groups, the newest first, and its note, unless something is left
// for a later run to do.
func (l *ledger) closeOwn() (first error) {
	for i := len(l.groups) - 1; i >= 0; i-- {
		if err := removeGroup(l.groups[i], true); err != nil && first == nil {
			first = err
		}
	}
	done := first == nil
	if l.leaf != "" {
		if err := comeHome(l.home); err != nil && first == nil {
			first = err
		}
		// If another run has a group there, the launcher is still in it.
		done = leafGone(l.leaf) && done
	}
	if l.note != 0 {
		if done {
			sysUnlinkat(l.dir, l.noteName, 0)
		}
		sysClose(l.note)
	}
	return first
}

// leafGone removes a launcher's own group, and reports whether it is gone.
func leafGone(leaf string) bool {
	e := sysRmdir(leaf)
	return e == 0 || e == unix.ENOENT
}

// look removes some of what dead runs have left. It tries mostNotes of the notes in the
// directory, beginning where the last look stopped. If it fails, the note stays, and this run
// does not fail. If the look reaches the end of the directory, as it usually does, nothing is
// written. A run looks once.
func (l *ledger) look() {
	if l.dir < 0 || l.looked {
		return
	}
	l.looked = true
	position := one[int64]()
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(position)), 8)
	cursor, e := l.openFile(cursorName, 0)
	found := e == 0
	if found {
		sysPread(cursor, bytes, 0)
	}
	next, more := l.lookFrom(int(*position))
	if more && !found {
		cursor, e = l.openFile(cursorName, unix.O_CREAT)
	}
	if e != 0 {
		return
	}
	if *position = int64(next); more {
		sysPwrite(cursor, stringOf(bytes), 0)
	} else {
		sysUnlinkat(l.dir, cursorName, 0)
	}
	sysClose(cursor)
}

// lookFrom tries the notes after a position in the directory. It returns where the next look
// begins, and whether there are more.
func (l *ledger) lookFrom(from int) (next int, more bool) {
	if _, e := sysLseek(l.dir, from, 0); e != 0 {
		return 0, false
	}
	b := space(1024)
	for tried := 0; ; {
		// Some file systems return less than fits into the buffer, so only 0 means the end.
		n, e := sysGetdents(l.dir, b)
		if e != 0 || n == 0 {
			return 0, false
		}
		for at := 0; at < n; {
			name, position, length := dirEntry(b[at:])
			at += length
			if name[0] == '.' || name == cursorName || name == l.noteName || name == l.tree.name {
				continue
			}
			l.try(name)
			if tried++; tried == mostNotes {
				return position, true
			}
		}
	}
}

// try undoes what a note lists, if no process holds the lock.
func (l *ledger) try(name string) {
	fd, e := l.openNote(name, 0, unix.LOCK_EX|unix.LOCK_NB)
	if e != 0 {
		return
	}
	switch {
	case hasPrefix(name, treePrefix):
		l.undoTree(fd, name, -1, "")
	case hasPrefix(name, idsPrefix):
		sysUnlinkat(l.dir, name, 0)
	default:
		l.undoRun(fd, name)
	}
	sysClose(fd)
}

// undoRun removes what a dead run's note lists, and then the note.
func (l *ledger) undoRun(fd int, name string) {
	all, e := records(fd)
	if e != 0 {
		return
	}
	for i := len(all) - 1; i >= 0; i-- {
		word, path, _ := cut(all[i], " ")
		switch word {
		case "not":
			for j := i - 1; j >= 0; j-- {
				if all[j] == text("group ", path) {
					all[j] = ""
					break
				}
			}
		case "group":
			if removeGroup(path, false) != nil {
				return
			}
		case "leaf":
			if !leafGone(path) {
				return
			}
		}
	}
	sysUnlinkat(l.dir, name, 0)
}

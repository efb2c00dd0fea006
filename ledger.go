// What a run has made on the host, so that it goes away on every path.
//
// flock(2), openat(2), getdents64(2), unlinkat(2).
//
// A launcher that is killed cannot clean up; a later run does it, and for that it must find
// out what was made, and that nobody uses it any more. A file with a lock on it says both:
// the lock goes with the process that holds it. There are two kinds, in a directory that
// only this user can write:
//
//   - A run that makes a resource group has a note of its own, PID-TIME, which it holds
//     locked: the group's directories. A note whose lock can be had is a dead run's.
//   - A root directory that runs are using has one, tree-DEV-INO: the mount points that were
//     made in it. Each run that uses the tree holds a shared lock on it. At its end a run
//     asks for the exclusive lock, without waiting: who gets it is the last, and removes
//     what the note lists. A directory that is removed takes with it the mounts on it in
//     every other namespace, so nobody may do it earlier.
//
// A run opens these two, and at its end looks at a bounded number of others (look). So what
// it costs does not depend on how many others run; and since the kernel keeps the locks,
// there is no lock that all runs take, nothing to be counted, and nothing to go stale.
// Only what is empty is ever removed.
//
// Differs from the tutorial: what a killed launcher left there, stayed.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ledger is what this run has made, and its notes of it.
type ledger struct {
	who    caller
	opened bool
	dir    int    // the directory of the notes, or -1: there is none that can be used
	path   string // its name

	note     int // this run's own, or 0
	noteName string
	groups   []string
	leaf     string
	home     string

	tree     int // the note of the root directory, or 0
	treeName string
	root     int // the root directory
	rootDir  string
	points   []point // without a directory: what was made
}

// point is a mount point that was made in a root directory.
type point struct {
	rel string
	dir bool
}

// mostNotes is how many notes of others a run opens at its end.
const mostNotes = 8

// ledgerDirs are tried in turn: a bare host may have no /run. A user who is not root has
// directories of their own, or finds one there; so has one who is called root in a user
// namespace (unshare -r), and there are many of those.
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
		dirs = add(dirs, "/run/tincan") // that of a container, where this is root
	}
	own := text("/tincan-", decimal(id))
	return add(add(dirs, text("/dev/shm", own)), text("/tmp", own))
}

func newLedger(w caller) *ledger { return keep(ledger{who: w, dir: -1}) }

// open opens the directory of the notes. One in memory is better: on a disk, to remove a
// file can take longer than all the rest of a run. What is somebody else's, or cannot be
// made, is passed over; where nothing is left, the run goes on without notes, and what a
// killed launcher has made stays. So nobody can deny another user a run.
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
	note("no directory for the notes by which a later run removes what a killed one has left: mount a tmpfs on /run, or, not as root, set XDG_RUNTIME_DIR to a directory of your own")
}

func isInMemory(dir string) bool {
	var st unix.Statfs_t
	return sysStatfs(dir, &st) == 0 && (st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC)
}

// tryDir opens a directory that only this user can write, and makes it if it is not there.
func (l *ledger) tryDir(dir string) bool {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, e := sysOpen(dir, flags, 0)
	if e == unix.ENOENT && sysMkdir(dir, 0o700) == 0 {
		fd, e = sysOpen(dir, flags, 0)
	}
	if e != 0 {
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

// openNote opens or makes a note, and locks it. e is EWOULDBLOCK if that would have to
// wait. A note that was removed just before the lock was there is opened again.
func (l *ledger) openNote(name string, flags, how int) (int, syscall.Errno) {
	for {
		fd, e := sysOpenat(l.dir, name, unix.O_RDWR|unix.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, 0o600)
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

// noteGroups notes the group's directories. It comes before they are made.
func (l *ledger) noteGroups(dirs []string) error {
	for _, d := range dirs {
		l.groups = add(l.groups, d)
	}
	return l.write("group ", dirs)
}

// notOurs takes directories back that another run has made just then.
func (l *ledger) notOurs(dirs []string) error {
	l.groups = l.groups[:len(l.groups)-len(dirs)]
	return l.write("not ", dirs)
}

// noteLeaf notes the launcher's own group, and the one it was in (cgroupdelegate.go).
func (l *ledger) noteLeaf(leaf, home string) error {
	l.leaf, l.home = leaf, home
	return l.write("leaf ", list(leaf))
}

// write adds lines to this run's own note, in a single write(2).
func (l *ledger) write(word string, names []string) error {
	l.open()
	if l.dir < 0 {
		return nil
	}
	if l.note == 0 {
		name := text(decimal(sysGetpid()), "-", unsigned(uint64(sysClock())))
		fd, e := l.openNote(name, unix.O_CREAT|unix.O_EXCL, unix.LOCK_EX|unix.LOCK_NB)
		if e != 0 {
			return failedCall("open", text(l.path, "/", name), "O_RDWR|O_CREAT|O_EXCL, 0600", e)
		}
		l.note, l.noteName = fd, name
	}
	lines := ""
	for _, n := range names {
		lines = text(lines, word, escapeLine(n), "\n")
	}
	return l.append(l.note, l.noteName, lines)
}

func (l *ledger) append(fd int, name, lines string) error {
	n, e := sysWrite(fd, lines)
	if e == 0 && n < len(lines) {
		e = unix.ENOSPC
	}
	if e != 0 {
		return failedCall("write", text(l.path, "/", name), "", e)
	}
	return nil
}

// useTree takes part in the use of a root directory. It comes before anybody looks for what
// is missing there.
func (l *ledger) useTree(root int, dir string) error {
	l.root, l.rootDir = root, dir
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
	l.tree, l.treeName = fd, name
	return nil
}

// treeName is the name of a root directory's note.
func treeName(root int) (string, syscall.Errno) {
	var st unix.Stat_t
	e := sysFstat(root, &st)
	return text("tree-", unsigned(st.Dev), "-", unsigned(st.Ino)), e
}

// notePoint notes a mount point. It comes before it is made.
func (l *ledger) notePoint(rel string, dir bool) error {
	if l.tree == 0 {
		l.points = add(l.points, point{rel, dir})
		return nil
	}
	word := "f "
	if dir {
		word = "d "
	}
	// Another run may have written the first line meanwhile: it stands there twice then.
	lines := text(word, escapeLine(rel), "\n")
	var st unix.Stat_t
	if sysFstat(l.tree, &st) == 0 && st.Size == 0 {
		lines = text("tree ", escapeLine(l.rootDir), "\n", lines)
	}
	return l.append(l.tree, l.treeName, lines)
}

// close ends the run: it removes what this run has made, as far as nobody else uses it, and
// some of what dead ones have left. The error is the first that it met.
func (l *ledger) close() error {
	first := l.removeOwn()
	if l.note != 0 {
		if first == nil {
			sysUnlinkat(l.dir, l.noteName, 0)
		}
		sysClose(l.note)
	}
	if l.tree != 0 {
		if sysFlock(l.tree, unix.LOCK_EX|unix.LOCK_NB) == 0 {
			if err := l.undoTree(l.tree, l.treeName, l.root); err != nil && first == nil {
				first = err
			}
		}
		sysClose(l.tree)
	}
	for i := len(l.points) - 1; i >= 0; i-- {
		if err := removePoint(l.root, l.rootDir, l.points[i].rel, l.points[i].dir); err != nil && first == nil {
			first = err
		}
	}
	if l.dir >= 0 {
		l.look()
		sysClose(l.dir)
	}
	return first
}

// removeOwn removes this run's groups, the newest first.
func (l *ledger) removeOwn() (first error) {
	for i := len(l.groups) - 1; i >= 0; i-- {
		if err := removeGroup(l.groups[i], true); err != nil && first == nil {
			first = err
		}
	}
	if l.leaf != "" {
		if err := comeHome(l.home); err != nil && first == nil {
			first = err
		}
		sysRmdir(l.leaf) // if the launcher is still in it, a later run does it
	}
	return first
}

// look removes some of what dead runs have left. It reads the beginning of the directory,
// which on a machine with few runs is all of it, and where there is more, one further piece
// from where the last run stopped. It opens mostNotes of them at most. A failure is not this
// run's: the note stays.
//
// Known fault: beside very many root directories in use, their notes take up all of
// mostNotes, the cursor moves on all the same, and a dead run's note may not be met.
func (l *ledger) look() {
	opened := 0
	at, more := l.lookFrom(0, &opened)
	if !more {
		return
	}
	cursor, e := l.openNote("cursor", unix.O_CREAT, unix.LOCK_EX|unix.LOCK_NB)
	if e != 0 {
		return // another run is looking just now
	}
	b := space(24)
	if n, e := sysPread(cursor, b, 0); e == 0 {
		if from, valid := number(trimmed(stringOf(b[:n]))); valid && from > uint64(at) {
			at = int(from)
		}
	}
	if at, more = l.lookFrom(at, &opened); !more {
		at = 0
	}
	digits := unsigned(uint64(at))
	sysFtruncate(cursor, 0)
	sysWrite(cursor, text(digits, "                    "[len(digits):], "\n"))
	sysClose(cursor)
}

// lookFrom looks at the notes of one piece of the directory, which begins at the position
// from. It returns where the next piece begins, and whether there is one.
func (l *ledger) lookFrom(from int, opened *int) (next int, more bool) {
	b := space(1024) // some thirty names
	if _, e := sysLseek(l.dir, from, 0); e != 0 {
		return 0, false
	}
	n, e := sysGetdents(l.dir, b)
	if e != 0 {
		return 0, false
	}
	for at := 0; at < n; {
		name, position, length := dirEntry(b[at:])
		next = position
		at += length
		if *opened < mostNotes && mayBeDead(name) {
			*opened++
			l.lookAt(name)
		}
	}
	return next, n > 1024-64
}

// mayBeDead reports whether a note is worth opening: a tree's, or one of a run whose process
// is not there.
func mayBeDead(name string) bool {
	if hasPrefix(name, "tree-") {
		return true
	}
	pid, _, is := cut(name, "-")
	n, valid := number(pid)
	return is && valid && sysKill(int(n), 0) == unix.ESRCH
}

// lookAt undoes what a note lists if nobody holds it.
func (l *ledger) lookAt(name string) {
	fd, e := l.openNote(name, 0, unix.LOCK_EX|unix.LOCK_NB)
	if e != 0 {
		return
	}
	if hasPrefix(name, "tree-") {
		l.undoTree(fd, name, -1)
	} else {
		l.undoRun(fd, name)
	}
	sysClose(fd)
}

// undoRun removes what a dead run's note lists, and then the note.
func (l *ledger) undoRun(fd int, name string) {
	lines := readNote(fd)
	for i := len(lines) - 1; i >= 0; i-- {
		word, path, _ := cut(lines[i], " ")
		switch word {
		case "not":
			for j := i - 1; j >= 0; j-- {
				if lines[j] == text("group ", path) {
					lines[j] = ""
					break
				}
			}
		case "group":
			if removeGroup(path, false) != nil {
				return
			}
		case "leaf":
			sysRmdir(path)
		}
	}
	sysUnlinkat(l.dir, name, 0)
}

// undoTree removes the mount points that a tree's note lists, and then the note. root is
// the root directory, or -1: the note names it. The lock is exclusive.
func (l *ledger) undoTree(fd int, name string, root int) (first error) {
	lines := readNote(fd)
	opened := -1
	dir := l.rootDir
	if root < 0 && len(lines) > 0 {
		dir, _ = cutPrefix(lines[0], "tree ")
		opened, _ = sysOpen(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
		if root = opened; root >= 0 {
			if now, e := treeName(root); e != 0 || now != name {
				root = -1 // another directory has that name by now: what was made is gone
			}
		}
	}
	deepest := 0
	for _, line := range lines {
		deepest = max(deepest, slashes(line))
	}
	for depth := deepest; depth >= 0 && root >= 0; depth-- {
		for i := len(lines) - 1; i >= 0; i-- {
			word, rel, _ := cut(lines[i], " ")
			if (word != "d" && word != "f") || slashes(rel) != depth {
				continue
			}
			if err := removePoint(root, dir, rel, word == "d"); err != nil && first == nil {
				first = err
			}
		}
	}
	if opened >= 0 {
		sysClose(opened)
	}
	if first == nil {
		sysUnlinkat(l.dir, name, 0)
	}
	return first
}

// readNote returns the lines of a note. One that was cut short by the end of its writer is
// left out.
func readNote(fd int) []string {
	sysLseek(fd, 0, 0)
	content, e := readAll(fd)
	if e != 0 {
		return nil
	}
	var out []string
	for {
		line, rest, whole := cut(content, "\n")
		if !whole {
			return out
		}
		out = add(out, unescapeLine(line))
		content = rest
	}
}

// escapeLine writes a name without line breaks, and unescapeLine reads it.
func escapeLine(s string) string {
	if indexByte(s, '\n') < 0 && indexByte(s, '\\') < 0 {
		return s
	}
	b := space(2*len(s) + 1)
	n := 0
	for i := 0; i < len(s); i++ {
		b[n] = s[i]
		if s[i] == '\n' || s[i] == '\\' {
			b[n] = '\\'
			n++
			if b[n] = s[i]; s[i] == '\n' {
				b[n] = 'n'
			}
		}
		n++
	}
	return stringOf(b[:n])
}

func unescapeLine(s string) string {
	if indexByte(s, '\\') < 0 {
		return s
	}
	b := space(len(s) + 1)
	n := 0
	for i := 0; i < len(s); i++ {
		b[n] = s[i]
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if b[n] = s[i]; s[i] == 'n' {
				b[n] = '\n'
			}
		}
		n++
	}
	return stringOf(b[:n])
}

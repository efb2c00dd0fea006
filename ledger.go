// What a run has made on the host, so that it goes away on every path.
//
// flock(2), openat2(2), unlinkat(2).
//
// A launcher that is killed cannot clean up. So each run writes down what it is
// about to make, in a file of its own in /run/tincan (ledgerDirs) that it holds a lock on; a
// file whose lock can be taken belongs to a launcher that is dead, and the next run
// that ends removes what it lists. Only what is empty is ever removed.
//
// Mount points in a root directory may be shared: a run that ends while another
// uses the same root directory hands its lines over to it, since a directory that
// is removed takes with it the mounts on it in every other namespace.

package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ledgerDirs are tried in turn: a bare host may have no /run. One in memory is
// better: on a disk, to remove a file can take longer than all the rest of a run.
// A user who is not root has directories of their own, or finds one there; so has one who
// is called root in a user namespace (unshare -r), and there are many of those.
func ledgerDirs() []string {
	w := whoIs()
	id := w.uid
	if w.around != nil {
		id, _ = hostID(w.around.uids, id)
	}
	if id == 0 {
		return []string{"/run/tincan", "/dev/shm/tincan", "/tmp/tincan"}
	}
	own := "/tincan-" + strconv.Itoa(id)
	dirs := []string{"/dev/shm" + own, "/tmp" + own}
	if w.uid == 0 {
		dirs = append([]string{"/run/tincan"}, dirs...) // that of a container, where this is root
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) { // file-hierarchy(7): /run/user/UID
		dirs = append([]string{run + "/tincan"}, dirs...)
	}
	return dirs
}

// ledgerOrder gives ledgerDirs with those in memory first. It depends on nothing
// but the host, so that all runs agree.
func ledgerOrder() []string {
	inMemory := func(dir string) bool {
		var st unix.Statfs_t
		return unix.Statfs(path.Dir(dir), &st) == nil && (st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC)
	}
	var dirs, others []string
	for _, dir := range ledgerDirs() {
		if inMemory(dir) {
			dirs = append(dirs, dir)
		} else {
			others = append(others, dir)
		}
	}
	return append(dirs, others...)
}

type ledger struct {
	dir  string
	name string
	f    *noteFile // locked for as long as the run lives
	root string    // "DEV:INO" of the root directory
}

// entry is a line of a ledger: what, and the words that belong to it.
//
//	root  DEV:INO               this run uses the root directory
//	group DIR                   a directory of cgroupfs
//	leaf  DIR                   where the launcher is meanwhile
//	home  DIR                   the group that the launcher was in (cgroupdelegate.go)
//	not   DIR                   that directory was another's after all
//	made  DEV:INO d|f ROOT REL  a mount point in the root directory
type entry struct {
	what  string
	words []string
}

// depth is how far below the root directory a mount point is.
func (e entry) depth() int {
	if e.what != "made" || len(e.words) != 4 {
		return -1
	}
	return strings.Count(e.words[3], "/")
}

func (e entry) String() string {
	q := make([]string, len(e.words))
	for i, w := range e.words {
		q[i] = strconv.Quote(w)
	}
	return e.what + " " + strings.Join(q, " ") + "\n"
}

// openLedger makes the run's file. rootFD is the root directory.
func openLedger(rootFD int) (*ledger, error) {
	id, err := fileID(rootFD)
	if err != nil {
		return nil, err
	}
	l := &ledger{root: id}
	var errs []error
	for _, dir := range ledgerOrder() {
		if err := makeLedgerDir(dir); err != nil {
			errs = append(errs, err)
			continue
		}
		l.dir = dir
		break
	}
	if l.dir == "" {
		return nil, fmt.Errorf("no directory to note down what is to be removed at the end:\n%w\nmount a tmpfs on /run, or, not as root, set XDG_RUNTIME_DIR to a directory of your own", errors.Join(errs...))
	}
	unlock, err := l.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	l.name = strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 10)
	if l.f, err = openNotes(filepath.Join(l.dir, l.name), unix.O_CREAT|unix.O_EXCL|unix.O_APPEND); err != nil {
		return nil, err
	}
	if err := unix.Flock(l.f.fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, &hostError{call: "flock(" + quote(l.f.name) + ", LOCK_EX)", err: err}
	}
	return l, l.note(entry{"root", []string{l.root}})
}

// makeLedgerDir makes the directory, or makes sure that it is nobody else's.
func makeLedgerDir(dir string) error {
	if err := unix.Mkdir(dir, 0o700); err != nil && err != unix.EEXIST {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return fmt.Errorf("%s: not a directory that only this user can write", dir)
	}
	return nil
}

// lock takes the lock that all ledgers of the directory share, for as long as it
// takes to make, hand over or remove something.
func (l *ledger) lock() (unlock func(), err error) {
	f, err := openNotes(filepath.Join(l.dir, "lock"), unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(f.fd, unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	return f.close, err
}

// note writes a line. It comes before the deed.
func (l *ledger) note(e entry) error {
	return l.f.write(e.String())
}

// writeGroups notes the group's directories as made ("group") or as another's ("not").
func (l *ledger) writeGroups(what string, dirs []string) error {
	for _, d := range dirs {
		if err := l.note(entry{what, []string{d}}); err != nil {
			return err
		}
	}
	return nil
}

// noteFile is a file of the ledger's directory. It is no os.File, whose clean-up needs a
// thread.
type noteFile struct {
	fd   int
	name string
}

func openNotes(name string, flags int) (*noteFile, error) {
	fd, err := retry(func() (int, error) { return unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC|flags, 0o600) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return &noteFile{fd, name}, nil
}

func (f *noteFile) close() { unix.Close(f.fd) }

func (f *noteFile) write(text string) error {
	n, err := retry(func() (int, error) { return unix.Write(f.fd, []byte(text)) })
	if err == nil && n < len(text) {
		err = unix.ENOSPC
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: f.name, Err: err}
	}
	return nil
}

// close ends the run: it undoes what this run noted, then what dead ones did.
func (l *ledger) close() error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	others, err := l.others()
	if err != nil {
		return err
	}
	errs := []error{l.undo(l.f, others, true)}
	for _, o := range others {
		if !o.live {
			// What a dead run left is removed if it can be; it is no failure of this one.
			l.undo(o.f, others, false)
		}
		o.f.close()
	}
	return errors.Join(errs...)
}

// other is another run's ledger.
type other struct {
	f    *noteFile
	live bool
	root string
}

func (l *ledger) others() ([]other, error) {
	names, err := namesIn(l.dir)
	if err != nil {
		return nil, err
	}
	var out []other
	for _, n := range names {
		if n == "lock" || n == l.name {
			continue
		}
		f, err := openNotes(filepath.Join(l.dir, n), unix.O_APPEND)
		if err != nil {
			continue // ended in the meantime
		}
		o := other{f: f, live: unix.Flock(f.fd, unix.LOCK_EX|unix.LOCK_NB) != nil}
		for _, e := range readEntries(f) {
			if e.what == "root" && len(e.words) == 1 {
				o.root = e.words[0]
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// readEntries reads a ledger. A line cut short by the end of its writer is left out.
func readEntries(f *noteFile) []entry {
	if _, err := unix.Seek(f.fd, 0, 0); err != nil {
		return nil
	}
	var out []entry
	text, err := readAll(f.fd)
	if err != nil {
		return nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		what, rest, _ := strings.Cut(line, " ")
		e := entry{what: what}
		for rest != "" {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				e.what = ""
				break
			}
			w, _ := strconv.Unquote(q)
			e.words = append(e.words, w)
			rest = strings.TrimPrefix(rest[len(q):], " ")
		}
		out = append(out, e)
	}
	return out
}

// undo removes what the ledger f lists, the newest first, and then the ledger. What
// cannot be removed yet stays in the ledger for a later run.
func (l *ledger) undo(f *noteFile, others []other, own bool) error {
	entries := readEntries(f)
	// What was handed over comes in any order, and the directories that lead to a
	// mount point come after it.
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].depth() < entries[j].depth() })
	var errs []error
	foreign := map[string]bool{}
	for i := len(entries) - 1; i >= 0; i-- {
		switch e := entries[i]; {
		case e.what == "not" && len(e.words) == 1:
			foreign[e.words[0]] = true
		case e.what == "leaf" && len(e.words) == 1:
			unix.Rmdir(e.words[0]) // if the launcher is still in it, a later run does it
		case e.what == "home" && len(e.words) == 1 && own:
			if err := comeHome(e.words[0]); err != nil {
				errs = append(errs, err)
			}
		case e.what == "group" && len(e.words) == 1 && !foreign[e.words[0]]:
			if err := removeGroup(e.words[0], own); err != nil {
				errs = append(errs, err)
			}
		case e.what == "made" && len(e.words) == 4:
			if o := userOf(e.words[0], others); o != nil {
				if err := o.write(e.String()); err != nil {
					errs = append(errs, err)
				}
			} else if err := removePoint(e); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) == 0 {
		errs = append(errs, skipNotExist(unix.Unlink(f.name)))
	}
	return errors.Join(errs...)
}

// userOf finds a live run that uses the root directory.
func userOf(root string, others []other) *noteFile {
	for _, o := range others {
		if o.live && o.root == root {
			return o.f
		}
	}
	return nil
}

// removeGroup removes a group's directory. Its processes are dead by now, but the
// kernel may take a moment to let go of them. In a group of this run's own whatever
// is left is ended. For a dead run's the wait is short: every other run waits as
// well, for the lock. What is still busy is left to a later run.
func removeGroup(dir string, own bool) error {
	longest := time.Second
	if !own {
		longest = 30 * time.Millisecond
	}
	for wait := time.Millisecond; ; wait *= 2 {
		err := unix.Rmdir(dir)
		if err == nil || !exists(dir) { // with a read-only cgroupfs rmdir says EROFS of what is not there
			return nil
		}
		if err != unix.EBUSY || wait > longest {
			return &hostError{call: "rmdir(" + quote(dir) + ")", err: err}
		}
		if own {
			writeFile(filepath.Join(dir, "cgroup.kill"), "1") // version 1 has no such file
		}
		time.Sleep(wait)
	}
}

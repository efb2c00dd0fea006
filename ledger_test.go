// The ledger: notes of what a run has made, with which later runs clean up after killed ones.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLedgerDirs checks that a user's ledger has its own place, even if the user is root in a user
// namespace.
func TestLedgerDirs(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/1000")
	own := []string{"/run/user/1000/tincan", "/dev/shm/tincan-1000", "/tmp/tincan-1000"}
	roots := []string{"/run/tincan", "/dev/shm/tincan", "/tmp/tincan"}
	for _, c := range []struct {
		who  caller
		want []string
	}{
		{caller{uid: 1000}, own},
		{caller{uid: 0, root: true}, roots},
		{caller{uid: 0}, roots}, // root in another container
		{caller{uid: 0, around: &userNS{uids: []idMap{{0, 0, 4294967295}}}}, roots},
		{caller{uid: 1000, around: &userNS{uids: []idMap{{1000, 1000, 1}}}}, own},
		{caller{uid: 0, around: &userNS{uids: []idMap{{0, 1000, 1}}}}, []string{"/run/user/1000/tincan", "/run/tincan", "/dev/shm/tincan-1000", "/tmp/tincan-1000"}},
		{caller{uid: 0, root: true, around: &userNS{uids: []idMap{{0, 1000, 1}, {1, 100000, 65536}}}}, []string{"/run/user/1000/tincan", "/run/tincan", "/dev/shm/tincan-1000", "/tmp/tincan-1000"}},
	} {
		if got := ledgerDirs(c.who); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.who, got, c.want)
		}
	}
}

// ledgerIn returns a ledger that keeps its notes in the given directory.
func ledgerIn(t *testing.T, dir string) *ledger {
	t.Helper()
	l := newLedger(caller{})
	l.opened = true
	if !l.tryDir(dir) {
		t.Fatalf("%s cannot be used", dir)
	}
	return l
}

// emptyTree returns a root directory for a container, and a descriptor of it.
func emptyTree(t *testing.T) (dir string, fd int) {
	t.Helper()
	dir = t.TempDir()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return dir, fd
}

// deadPid returns a number that no process has.
func deadPid(t *testing.T) int {
	t.Helper()
	c := exec.Command("/bin/true")
	if err := c.Run(); err != nil {
		missing(t, "/bin/true: %v", err)
	}
	return c.Process.Pid
}

// namesIn returns the names of the files in a directory, except the ledger's cursor.
func namesIn(t *testing.T, dir string) (out []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name() != cursorName {
			out = append(out, e.Name())
		}
	}
	return out
}

// TestDeadRunsNotes leaves the notes of a killed launcher: one of a group, which is an ordinary
// directory here, and one of a root directory. The next run must remove what the notes list, and
// must leave alone what a live run has noted.
func TestDeadRunsNotes(t *testing.T) {
	notes, _ := emptyTree(t)
	groups := t.TempDir()
	root, fd := emptyTree(t)
	name, _ := treeName(fd)
	for _, d := range []string{groups + "/dead", groups + "/not ours", groups + "/live", root + "/made"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dead := fmt.Sprintf("%d-1", deadPid(t))
	for file, lines := range map[string]string{
		dead: "group " + groups + "/dead\x00group " + groups + "/not ours\x00not " + groups + "/not ours\x00group " + groups + "/li",
		name: "tree " + root + "\x00dir made\x00",
	} {
		if err := os.WriteFile(filepath.Join(notes, file), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	live := ledgerIn(t, notes)
	if err := live.noteGroups([]string{groups + "/live"}); err != nil {
		t.Fatal(err)
	}
	if err := ledgerIn(t, notes).close(); err != nil {
		t.Fatal(err)
	}
	if got := namesIn(t, groups); !slices.Equal(got, []string{"live", "not ours"}) {
		t.Errorf("groups: %q", got)
	}
	if got := namesIn(t, root); len(got) != 0 {
		t.Errorf("mount points: %q", got)
	}
	if got := namesIn(t, notes); !slices.Equal(got, []string{live.noteName}) {
		t.Errorf("notes: %q", got)
	}
	if err := live.close(); err != nil {
		t.Fatal(err)
	}
	if got := append(namesIn(t, groups), namesIn(t, notes)...); !slices.Equal(got, []string{"not ours"}) {
		t.Errorf("after the live run: %q", got)
	}
}

// TestSearchIsBounded makes many notes of live runs, of both kinds. Each run must try only a
// bounded number of them, and a dead run's note must be found all the same, whichever process has
// its number now. At the end of the directory the search starts again, and in the end nothing of it
// is left.
func TestSearchIsBounded(t *testing.T) {
	notes, _ := emptyTree(t)
	groups := t.TempDir()
	const live = 200
	var held []*os.File
	for i := range live {
		for _, name := range []string{fmt.Sprintf("%d-%d", os.Getpid(), i), fmt.Sprintf("tree-%d-0", i)} {
			f, err := os.Create(notes + "/" + name)
			if err == nil {
				err = unix.Flock(int(f.Fd()), unix.LOCK_SH)
			}
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, f)
		}
		if i == live/2 {
			if err := os.Mkdir(groups+"/dead", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(fmt.Sprintf("%s/%d-dead", notes, os.Getpid()), []byte("group "+groups+"/dead\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The test cannot see which notes a run tries, so it counts the runs that a whole round
	// takes.
	most := 2*live/mostNotes + 2
	runs := 0
	for ; exists(groups + "/dead"); runs++ {
		if runs > most {
			t.Fatalf("after %d runs the dead run's group still exists", runs)
		}
		if err := ledgerIn(t, notes).close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("found by run %d of at most %d", runs, most)
	for _, f := range held {
		f.Close()
	}
	for rounds := 1; len(namesIn(t, notes)) > 0; rounds++ {
		before := len(namesIn(t, notes))
		if err := ledgerIn(t, notes).close(); err != nil {
			t.Fatal(err)
		}
		if n := before - len(namesIn(t, notes)); n > mostNotes {
			t.Errorf("one run tried %d notes; at most %d are allowed", n, mostNotes)
		}
		if rounds > 2*most {
			t.Fatalf("%d notes of dead runs are never removed", len(namesIn(t, notes)))
		}
	}
	if err := ledgerIn(t, notes).close(); err != nil {
		t.Fatal(err)
	}
	if all, _ := os.ReadDir(notes); len(all) != 0 {
		t.Errorf("left: %v", all)
	}
}

// TestUmaskDoesNotMatter checks that the caller's umask does not change the modes of what is made.
func TestUmaskDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	root, fd := emptyTree(t)
	old := unix.Umask(0o777)
	defer unix.Umask(old)
	l := newLedger(caller{})
	l.opened = true
	if !l.tryDir(dir + "/notes") {
		t.Fatal("the directory cannot be made")
	}
	y := &layout{root: rootAt(root), fd: fd}
	if err := errors.Join(l.useTree(fd, root), l.noteGroups([]string{"/none"}), l.makePoint(y, "/d", true), l.makePoint(y, "/f", false)); err != nil {
		t.Fatal(err)
	}
	if now := unix.Umask(0o777); now != 0o777 {
		t.Errorf("the umask has become %04o", now)
	}
	for file, want := range map[string]os.FileMode{dir + "/notes": 0o700, dir + "/notes/" + l.noteName: 0o600, dir + "/notes/" + l.tree.name: 0o600, root + "/d": 0o755, root + "/f": 0o644} {
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", file, fi.Mode(), err, want)
		}
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// TestSearchDisturbsNoOtherRun checks that a run which tries the locks of other runs' notes does
// not disturb a run that is just making its note.
func TestSearchDisturbsNoOtherRun(t *testing.T) {
	notes, _ := emptyTree(t)
	stop, done := make(chan bool), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
				l := ledgerIn(t, notes)
				l.look()
				unix.Close(l.dir)
				n++
			}
		}
	}()
	for range 3000 {
		l := ledgerIn(t, notes)
		err := l.noteGroups([]string{"/none"})
		if err == nil && !slices.Contains(namesIn(t, notes), l.noteName) {
			err = errors.New("its note is gone")
		}
		if err := errors.Join(err, l.close()); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	t.Logf("%d searches went on meanwhile", <-done)
}

// TestNoteOfBusyLeafStays checks that a note stays for a later run if the launcher's own group
// cannot be removed yet.
func TestNoteOfBusyLeafStays(t *testing.T) {
	notes, _ := emptyTree(t)
	leaf := t.TempDir()
	if err := os.Mkdir(leaf+"/busy", 0o755); err != nil {
		t.Fatal(err)
	}
	l := ledgerIn(t, notes)
	if err := l.noteLeaf(leaf, leaf); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if got := namesIn(t, notes); !slices.Equal(got, []string{l.noteName}) {
		t.Errorf("notes: %q", got)
	}
	if err := errors.Join(os.Remove(leaf+"/busy"), ledgerIn(t, notes).close()); err != nil {
		t.Fatal(err)
	}
	if got := namesIn(t, notes); len(got) != 0 || exists(leaf) {
		t.Errorf("notes: %q", got)
	}
}

// TestOthersDirectoriesArePassedOver checks that the ledger does not use directories that belong to
// somebody else, or that others can write to, nor files and symlinks.
func TestOthersDirectoriesArePassedOver(t *testing.T) {
	dir := t.TempDir()
	writable, file, link := dir+"/writable", dir+"/file", dir+"/link"
	if err := errors.Join(os.Mkdir(writable, 0o700), os.Chmod(writable, 0o777), os.WriteFile(file, nil, 0o600), os.Mkdir(dir+"/own", 0o700), os.Symlink("own", link)); err != nil {
		t.Fatal(err)
	}
	others := []string{writable, file, link}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Mkdir(dir+"/another's", 0o700), os.Chown(dir+"/another's", 12345, 12345)); err != nil {
			t.Fatal(err)
		}
		others = append(others, dir+"/another's")
	}
	for _, d := range others {
		if newLedger(caller{}).tryDir(d) {
			t.Errorf("the ledger uses %s", d)
		}
	}
	for _, d := range []string{dir + "/own", dir + "/new"} {
		if !newLedger(caller{}).tryDir(d) {
			t.Errorf("the ledger does not use %s", d)
		}
	}
	// Without any directory for notes, a run goes on, and removes what it has made.
	root, fd := emptyTree(t)
	l := newLedger(caller{})
	l.opened = true
	if err := errors.Join(l.useTree(fd, root), l.noteGroups([]string{root + "/group"}), os.Mkdir(root+"/group", 0o755), l.makePoint(&layout{root: rootAt(root), fd: fd}, "/p", true)); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil || len(namesIn(t, root)) != 0 {
		t.Errorf("%v, left: %q", err, namesIn(t, root))
	}
}

// TestLedgerNamesItsOwnCall checks that an error of the ledger names the call that failed.
func TestLedgerNamesItsOwnCall(t *testing.T) {
	notes, _ := emptyTree(t)
	l := ledgerIn(t, notes)
	full, err := unix.Open("/dev/full", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		missing(t, "/dev/full: %v", err)
	}
	l.note, l.noteName = full, "note"
	err = l.noteGroups([]string{"/a"})
	if !errors.Is(err, unix.ENOSPC) || !strings.HasPrefix(err.Error(), `write("`+notes+`/note") = ENOSPC`) {
		t.Errorf("%v", err)
	}
}

// TestRecordsHoldAnyName checks that a record can hold any name, and that a record which was cut
// short is ignored.
func TestRecordsHoldAnyName(t *testing.T) {
	notes, _ := emptyTree(t)
	l := ledgerIn(t, notes)
	names := []string{"a", "a b", "a\nb", `a\b`, "\n", `\n`, ""}
	if err := l.noteGroups(names); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(l.note, []byte("group /cut")); err != nil {
		t.Fatal(err)
	}
	got, e := records(l.note)
	for i := range got {
		got[i], _ = strings.CutPrefix(got[i], "group ")
	}
	if e != 0 || !slices.Equal(got, names) {
		t.Errorf("%q, %v; want %q", got, e, names)
	}
}

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

// A user's ledger has a place of its own, also where the user is called root.
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
		{caller{uid: 0}, roots}, // in another container
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

// notesIn is a ledger whose notes are in a directory of the test's.
func notesIn(t *testing.T, dir string) *ledger {
	t.Helper()
	l := newLedger(caller{})
	l.opened = true
	if !l.tryDir(dir) {
		t.Fatalf("%s cannot be used", dir)
	}
	return l
}

// tree is a root directory, opened.
func tree(t *testing.T) (dir string, fd int) {
	t.Helper()
	dir = t.TempDir()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return dir, fd
}

// deadPid is a number that no process has.
func deadPid(t *testing.T) int {
	t.Helper()
	c := exec.Command("/bin/true")
	if err := c.Run(); err != nil {
		missing(t, "/bin/true: %v", err)
	}
	return c.Process.Pid
}

func left(t *testing.T, dir string) (out []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name() != "cursor" {
			out = append(out, e.Name())
		}
	}
	return out
}

// Two runs use a root directory. The first makes mount points and ends; the second, which
// is the last, removes them.
func TestSharedMountPointsGoWithTheLastRun(t *testing.T) {
	notes, _ := tree(t)
	root, fd := tree(t)
	y := &layout{root: rootAt(root), fd: fd}
	first, second := notesIn(t, notes), notesIn(t, notes)
	for _, l := range []*ledger{first, second} {
		if err := l.useTree(fd, root); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []mountPoint{{target: "/a", dir: true}, {target: "/a/b", dir: true}, {target: "/a/b/c\nd\\"}} {
		if err := first.makePoint(y, p.target, p.dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	if !exists(root + "/a/b/c\nd\\") {
		t.Error("the first run has removed what the second is using")
	}
	if err := second.close(); err != nil {
		t.Fatal(err)
	}
	if l := append(left(t, root), left(t, notes)...); len(l) != 0 {
		t.Errorf("left behind: %q", l)
	}
}

func rootAt(dir string) root { return root{dir: dir} }

// What a run has put there meanwhile stays.
func TestOnlyWhatIsEmptyIsRemoved(t *testing.T) {
	notes, _ := tree(t)
	root, fd := tree(t)
	l := notesIn(t, notes)
	if err := l.useTree(fd, root); err != nil {
		t.Fatal(err)
	}
	for _, p := range []mountPoint{{target: "/full", dir: true}, {target: "/file"}, {target: "/empty", dir: true}} {
		if err := l.makePoint(&layout{root: rootAt(root), fd: fd}, p.target, p.dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"/full/x", "/file"} {
		if err := os.WriteFile(root+f, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if got := left(t, root); !slices.Equal(got, []string{"file", "full"}) {
		t.Errorf("%q", got)
	}
}

// A killed launcher's notes: of a group, which here is a directory, and of a root directory.
// The next run removes what they list, and what a live one has noted it leaves alone.
func TestDeadRunsNotes(t *testing.T) {
	notes, _ := tree(t)
	groups := t.TempDir()
	root, fd := tree(t)
	name, _ := treeName(fd)
	for _, d := range []string{groups + "/dead", groups + "/not ours", groups + "/live", root + "/made"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dead := fmt.Sprintf("%d-1", deadPid(t))
	for file, lines := range map[string]string{
		dead: "group " + groups + "/dead\ngroup " + groups + "/not ours\nnot " + groups + "/not ours\ngroup " + groups + "/li",
		name: "tree " + root + "\nd made\n",
	} {
		if err := os.WriteFile(filepath.Join(notes, file), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	live := notesIn(t, notes)
	if err := live.noteGroups([]string{groups + "/live"}); err != nil {
		t.Fatal(err)
	}
	if err := notesIn(t, notes).close(); err != nil {
		t.Fatal(err)
	}
	if got := left(t, groups); !slices.Equal(got, []string{"live", "not ours"}) {
		t.Errorf("groups: %q", got)
	}
	if got := left(t, root); len(got) != 0 {
		t.Errorf("mount points: %q", got)
	}
	if got := left(t, notes); !slices.Equal(got, []string{live.noteName}) {
		t.Errorf("notes: %q", got)
	}
	if err := live.close(); err != nil {
		t.Fatal(err)
	}
	if got := append(left(t, groups), left(t, notes)...); !slices.Equal(got, []string{"not ours"}) {
		t.Errorf("after the live run: %q", got)
	}
}

// Beside many notes of live runs, each run looks at a bounded number, and a dead one is
// found all the same.
func TestLookIsBounded(t *testing.T) {
	notes, _ := tree(t)
	groups := t.TempDir()
	const live = 500
	for i := range live {
		if err := os.WriteFile(fmt.Sprintf("%s/%d-%d", notes, os.Getpid(), i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if i == live/2 {
			if err := os.Mkdir(groups+"/dead", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(fmt.Sprintf("%s/%d-%d", notes, deadPid(t), i), []byte("group "+groups+"/dead\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	looks := 0
	for ; exists(groups + "/dead"); looks++ {
		if looks > live/10 {
			t.Fatalf("after %d runs the dead one's group is still there", looks)
		}
		if err := notesIn(t, notes).close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("found by run %d", looks)
	// Of trees in use no more than mostNotes are opened: who opens one takes its lock.
	l := notesIn(t, notes)
	opened := 0
	for from, more := 0, true; more; {
		from, more = l.lookFrom(from, &opened)
	}
	for i := range 50 {
		if err := os.WriteFile(fmt.Sprintf("%s/tree-0-%d", notes, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.look()
	gone := 50
	for i := range 50 {
		if exists(fmt.Sprintf("%s/tree-0-%d", notes, i)) {
			gone--
		}
	}
	if gone > mostNotes {
		t.Errorf("%d notes were opened by one run, and %d is the most", gone, mostNotes)
	}
}

// What belongs to somebody else, or is not a directory, is passed over.
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
			t.Errorf("%s is used", d)
		}
	}
	for _, d := range []string{dir + "/own", dir + "/new"} {
		if !newLedger(caller{}).tryDir(d) {
			t.Errorf("%s is not used", d)
		}
	}
	// Without any, a run goes on, and removes what it has made.
	root, fd := tree(t)
	l := newLedger(caller{})
	l.opened = true
	if err := errors.Join(l.useTree(fd, root), l.noteGroups([]string{root + "/group"}), os.Mkdir(root+"/group", 0o755), l.makePoint(&layout{root: rootAt(root), fd: fd}, "/p", true)); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil || len(left(t, root)) != 0 {
		t.Errorf("%v, left: %q", err, left(t, root))
	}
}

// An error of the ledger's names the ledger's call.
func TestLedgerNamesItsOwnCall(t *testing.T) {
	notes, _ := tree(t)
	l := notesIn(t, notes)
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

func TestLinesHoldAnyName(t *testing.T) {
	for _, s := range []string{"", "a", "a b", "a\nb", `a\b`, "\n", `\`, `\n`, "a\\\n\\n\n"} {
		e := escapeLine(s)
		if strings.Contains(e, "\n") || unescapeLine(e) != s {
			t.Errorf("%q becomes %q, and that %q", s, e, unescapeLine(e))
		}
	}
}

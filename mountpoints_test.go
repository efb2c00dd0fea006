package main

import (
	"errors"
	"os"
	"slices"
	"testing"
)

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

// A run that found all it needs in the root directory holds no lock on it, unless another
// one has made some of that.
func TestCompleteTreeIsNotHeld(t *testing.T) {
	notes, _ := tree(t)
	root, fd := tree(t)
	l := notesIn(t, notes)
	if err := errors.Join(l.useTree(fd, root), l.lacksNothing()); err != nil {
		t.Fatal(err)
	}
	if l.tree.note != 0 || len(left(t, notes)) != 0 {
		t.Errorf("the tree is held: %q", left(t, notes))
	}
	maker, user := notesIn(t, notes), notesIn(t, notes)
	if err := errors.Join(maker.useTree(fd, root), maker.makePoint(&layout{root: rootAt(root), fd: fd}, "/p", true), user.useTree(fd, root), user.lacksNothing(), maker.close()); err != nil {
		t.Fatal(err)
	}
	if !exists(root + "/p") {
		t.Error("what another run stands on was removed")
	}
	if err := user.close(); err != nil || len(left(t, root)) != 0 || len(left(t, notes)) != 0 {
		t.Errorf("%v, left: %q and %q", err, left(t, root), left(t, notes))
	}
}

func rootAt(dir string) root { return root{dir: dir} }

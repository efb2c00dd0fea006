// Mount points that runs make in a root directory, and remove again.
package main

import (
	"errors"
	"os"
	"slices"
	"testing"
)

// TestSharedMountPointsGoWithTheLastRun uses a root directory in two runs. The first makes mount
// points and ends; the second, which ends last, must remove them.
func TestSharedMountPointsGoWithTheLastRun(t *testing.T) {
	notes, _ := emptyTree(t)
	root, fd := emptyTree(t)
	y := &layout{root: rootAt(root), fd: fd}
	first, second := ledgerIn(t, notes), ledgerIn(t, notes)
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
		t.Error("the first run removed mount points that the second still uses")
	}
	if err := second.close(); err != nil {
		t.Fatal(err)
	}
	if l := append(namesIn(t, root), namesIn(t, notes)...); len(l) != 0 {
		t.Errorf("left behind: %q", l)
	}
}

// TestOnlyWhatIsEmptyIsRemoved checks that mount points stay if they have got a content meanwhile.
func TestOnlyWhatIsEmptyIsRemoved(t *testing.T) {
	notes, _ := emptyTree(t)
	root, fd := emptyTree(t)
	l := ledgerIn(t, notes)
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
	if got := namesIn(t, root); !slices.Equal(got, []string{"file", "full"}) {
		t.Errorf("left: %q, want file and full", got)
	}
}

// TestCompleteTreeIsNotHeld checks that a run which found all mount points in the root directory
// holds no lock on it, unless another run has made some of them.
func TestCompleteTreeIsNotHeld(t *testing.T) {
	notes, _ := emptyTree(t)
	root, fd := emptyTree(t)
	l := ledgerIn(t, notes)
	if err := errors.Join(l.useTree(fd, root), l.lacksNothing()); err != nil {
		t.Fatal(err)
	}
	if l.tree.note != 0 || len(namesIn(t, notes)) != 0 {
		t.Errorf("the tree is held: %q", namesIn(t, notes))
	}
	maker, user := ledgerIn(t, notes), ledgerIn(t, notes)
	if err := errors.Join(maker.useTree(fd, root), maker.makePoint(&layout{root: rootAt(root), fd: fd}, "/p", true), user.useTree(fd, root), user.lacksNothing(), maker.close()); err != nil {
		t.Fatal(err)
	}
	if !exists(root + "/p") {
		t.Error("a mount point that another run uses was removed")
	}
	if err := user.close(); err != nil || len(namesIn(t, root)) != 0 || len(namesIn(t, notes)) != 0 {
		t.Errorf("%v, left: %q and %q", err, namesIn(t, root), namesIn(t, notes))
	}
}

// rootAt returns a container's root directory.
func rootAt(dir string) root { return root{dir: dir} }

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// A user's ledger has a place of its own, also where the user is called root.
func TestLedgerDirs(t *testing.T) {
	was := whoIs
	defer func() { whoIs = was }()
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
		whoIs = func() caller { return c.who }
		if got := ledgerDirs(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.who, got, c.want)
		}
	}
}

// What is handed over comes in any order; it is removed from below.
func TestUndoInAnyOrder(t *testing.T) {
	for _, order := range [][]string{{"a", "a/b", "a/b/c"}, {"a/b/c", "a/b", "a"}, {"a/b", "a", "a/b/c"}} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "a/b/c"), 0o755); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		id, err := fileID(fd)
		if err != nil {
			t.Fatal(err)
		}
		f, err := openNotes(filepath.Join(t.TempDir(), "ledger"), unix.O_CREAT)
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		for _, rel := range order {
			f.write(entry{"made", []string{id, "d", root, rel}}.String())
		}
		if err := (&ledger{}).undo(f, nil, true); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(root); len(left) != 0 {
			t.Errorf("%q: left: %v", order, left)
		}
		if exists(f.name) {
			t.Errorf("%q: the ledger itself is left", order)
		}
	}
}

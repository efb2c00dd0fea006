package main

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

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

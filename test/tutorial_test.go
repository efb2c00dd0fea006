// TUTORIAL.md must be true: the test runs its commands, and compares what they print.
package test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTutorial does what the reader does: it runs one command after the other in a copy of the
// source. Each command must end with status 0, so the page shows failures with `; echo $?`.
func TestTutorial(t *testing.T) {
	notForUsers(t, "the tutorial's reader is root")
	needRoot(t)
	if plain() {
		t.Skip("the page describes the program that make builds, whose launcher has one thread")
	}
	dir := filepath.Join(t.TempDir(), "tincan")
	mkdir(t, dir)
	sources, _ := filepath.Glob("../*.[gs]*")
	for _, from := range sources {
		if strings.HasSuffix(from, ".go") || strings.HasSuffix(from, ".s") {
			copyFile(t, from, filepath.Join(dir, filepath.Base(from)))
		}
	}
	if err := os.Symlink(tincanBin, filepath.Join(dir, "tincan")); err != nil {
		t.Fatal(err)
	}
	before, _ := filepath.Glob(dir + "/*")
	noLeaks(t)
	commands := commandsOf(t, "TUTORIAL.md")
	if len(commands) < 40 {
		t.Fatalf("only %d commands: has the form of TUTORIAL.md changed?", len(commands))
	}
	typist{page: "TUTORIAL.md", dir: dir}.typeAll(t, commands)
	after, _ := filepath.Glob(dir + "/*")
	for _, f := range after {
		if !slices.Contains(before, f) {
			t.Errorf("the commands of TUTORIAL.md leave %s behind", f)
		}
	}
	t.Logf("%d commands", len(commands))
}

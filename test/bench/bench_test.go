// The benchmark itself is tested: that the floor does what tincan does, and that each
// section of a short run gives what the reader and the chart need. No figure is.
package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// needs skips what this machine lacks. Under MUST_WORK=1 nothing may be.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("MUST_WORK") == "1" {
		skip = t.Fatalf
	}
	if os.Geteuid() != 0 {
		skip("missing: root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			skip("missing: the program %s", p)
		}
	}
}

// testShop is a workshop with a tincan that was just built.
func testShop(t *testing.T) *workshop {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tincan")
	build := exec.Command("go", "build", "-o", bin, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	*tincanBin = bin
	s, err := openWorkshop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

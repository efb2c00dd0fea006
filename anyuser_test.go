package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// needSource is a pattern for the tests that build the program or read its source.
const needSource = "Loop|Start|Layers|ReadingOrder|Binary|Size|Dependencies|Emulation|SecurityTable|TutorialNames|SourceNamesItsStep|TestDefaultFilterIsCompiled|TestImageHasTincan|TestVersion|Docs|Compare|ManPage|Summary|Completions|Dist|Install"

// TestAnyUser runs the tests of this directory that need no root as an ordinary user.
func TestAnyUser(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "not root: this test changes to another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tests"), self, 0o755)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS("testdata"))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(dir, "tests"), "-test.v", "-test.short", "-test.skip="+needSource)
	c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	c.Env = append(os.Environ(), "HOME=/", "TMPDIR=/tmp", "MUST_WORK=") // tests that need root may skip
	out, err := c.CombinedOutput()
	if n := strings.Count(string(out), "\n--- PASS"); err != nil || n < 40 {
		t.Errorf("as user 65534: %v, %d tests passed, want at least 40\n%s", err, n, out)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// needSource are the tests that build the program, or read its source.
const needSource = "Loop|Start|Layers|ReadingOrder|Binary|Size|Dependencies|Emulation|SecurityTable|TutorialNames|SourceNamesItsStep|TestDefaultFilterIsCompiled|TestImageHasTincan|TestVersion|Docs|ManPage|Completions|Dist|Install"

// TestAnyUser: the tests that need no root say the same to a user who is not.
func TestAnyUser(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "not root: it makes itself another user")
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
	c.Env = append(os.Environ(), "HOME=/", "TMPDIR=/tmp", "MUST_WORK=") // what needs root is skipped
	out, err := c.CombinedOutput()
	if n := strings.Count(string(out), "\n--- PASS"); err != nil || n < 40 {
		t.Errorf("%v, %d tests passed\n%s", err, n, out)
	}
}

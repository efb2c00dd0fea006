package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMountAstray: the launcher sees that a mount is not where it should be, and
// nothing runs.
func TestMountAstray(t *testing.T) {
	dir := sabotageTree(t)
	c := exec.Command(saboteurBinary(t, 0), "run", "-m", dir, "--", "/probe")
	c.Env = append(os.Environ(), sabotageEnv+"=astray")
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	c.Run()
	if c.ProcessState.ExitCode() != statusFailed || out.String() != "" || !strings.Contains(errs.String(), `mount("proc", "/proc", "proc"`) ||
		!strings.Contains(errs.String(), "shows it elsewhere") {
		t.Errorf("status %d, stdout %q, stderr %s", c.ProcessState.ExitCode(), out.String(), errs.String())
	}
}

func TestWantedMounts(t *testing.T) {
	const info = "43 64 0:51 / /proc rw,nosuid - proc proc rw\n" +
		"44 43 0:6 /null /proc/kcore rw - devtmpfs devtmpfs rw\n" +
		"45 64 0:41 / /a\\040b rw,relatime shared:1 - tmpfs tmpfs rw\n"
	for _, c := range []struct {
		target, kind string
		want         bool
	}{
		{"/proc", "proc", true}, {"/proc", "", true}, {"/proc", "tmpfs", false}, {"/pro", "", false}, {"/proc/kcore", "", true},
		{"/kcore", "", false}, {"/a b", "tmpfs", true}, {"/a", "tmpfs", false}, {"/null", "", false}, {"/", "", false}, {"", "", false},
	} {
		w := []wanted{{target: c.target, fstype: c.kind}}
		if find(w, info); w[0].found != c.want {
			t.Errorf("%q, %q: found is %v", c.target, c.kind, w[0].found)
		}
	}
}

// Ways out of a root directory on an initramfs, which pivot_root(2) alone cannot leave. Each is
// tried in a container with every capability and no filter, and one of them from a plain chroot(2),
// where it works.
package guest

import (
	"os/exec"
	"strings"
	"testing"
)

// escapes are the attempts that test/probe/escape.go knows.
var escapes = []string{"chroot", "dotdot", "umount", "move", "pivot", "userns-umount", "userns-move", "userns-pivot", "userns-all-mounts", "all-mounts", "setns", "handle", "proc-root"}

// escape returns the probe's last line.
func escape(t *testing.T, r result) string {
	t.Helper()
	last := strings.TrimSpace(r.out[strings.LastIndex(strings.TrimSpace(r.out), "\n")+1:])
	if !strings.HasPrefix(last, "held") && !strings.HasPrefix(last, "escaped") {
		t.Fatalf("the probe printed neither held nor escaped: %v", r)
	}
	return last
}

// TestEscapes tries all ways.
func TestEscapes(t *testing.T) {
	all := [][]string{
		{"--cap-add=ALL", "--seccomp=none", "--map=0:0:100000"},
		{"--cap-add=ALL", "--seccomp=none", "--no-init"},
		{"--cap-add=ALL", "--seccomp=none"},
		{"--cap-add=ALL", "--seccomp=none", "--ro"},
		nil,
	}
	if testing.Short() {
		all = all[:2]
	}
	for _, flags := range all {
		for _, name := range escapes {
			args := append(append([]string{"-m", root}, flags...), "-a", probeBin+":/probe:ro", "--", "/probe", "escape", name, "/vm/jobs.json")
			if got := escape(t, run(t, args...)); !strings.HasPrefix(got, "held") {
				t.Errorf("%q: %s: %s", flags, name, got)
			}
		}
	}
	// As root in the host's own tree, the machine's files are visible, but not those that are
	// hidden.
	secret := "/home/secret-of-the-machine"
	write(t, secret, "")
	for _, name := range escapes {
		args := []string{"--cap-add=ALL", "--seccomp=none", "-a", probeBin + ":/tmp/probe:ro", "--", "/tmp/probe", "escape", name, secret}
		if got := escape(t, run(t, args...)); !strings.HasPrefix(got, "held") {
			t.Errorf("the machine's own tree: %s: %s", name, got)
		}
	}
	// From a chroot the same program must get out, or this test shows nothing.
	jail := t.TempDir() + "/jail"
	if out, err := exec.Command("cp", "-a", root, jail).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("cp", probeBin, jail+"/probe").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"chroot"} {
		r := runLine(t, "unshare", "-m", "--propagation", "private", "chroot", jail, "/probe", "escape", name, "/vm/jobs.json")
		if got := escape(t, r); !strings.HasPrefix(got, "escaped") {
			t.Errorf("from a chroot: %s: %s", name, got)
		}
	}
}

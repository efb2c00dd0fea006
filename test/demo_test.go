// The first command in the README: make run.

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// demo runs the script of make run, as the user that the command `before` changes to.
func demo(t *testing.T, before []string) result {
	t.Helper()
	script := filepath.Join(filepath.Dir(tincanBin), "demo.sh") // where every user may read it
	copyFile(t, "../docs/demo.sh", script)
	return job{before: append(before, "sh", script)}.run(t)
}

// shows checks that the demonstration prints each part, and nothing on standard error.
func shows(t *testing.T, r result, parts ...string) {
	t.Helper()
	if r.status != 0 || r.err != "" {
		t.Error(r)
	}
	for _, p := range append(parts, "tincan-init", "yes (its own)", "steps, nearly all of them system calls", "unshare(CLONE_NEWUSER)", `execve("/bin/sh", ["sh"]`, "Next: ") {
		if !strings.Contains(r.out, p) {
			t.Errorf("%q is not in:\n%s", p, r.out)
		}
	}
}

// TestDemo runs the demonstration as root.
func TestDemo(t *testing.T) {
	notForUsers(t, "TestUserDemo is for users")
	needRoot(t)
	shows(t, demo(t, nil), "ids on the host", "too many processes", "--pids raises it")
}

// TestUserDemo runs the demonstration as an ordinary user.
func TestUserDemo(t *testing.T) {
	for _, as := range []string{"single", "ranges"} {
		if as == "ranges" {
			needProgram(t, "newuidmap")
		}
		more := map[string]string{"single": "23456, yours\n", "ranges": "23456, yours, and those of /etc/subuid\n"}[as]
		shows(t, demo(t, newUser(t, as).before), more, "need a resource group of your own", "--pids: there is no resource group")
	}
	// If users cannot make containers and there is no sudo, the script says why and ends.
	u := newUser(t, "single")
	if err := os.Symlink(needProgram(t, "id"), filepath.Join(u.home, "id")); err != nil {
		t.Fatal(err)
	}
	r := demo(t, append(u.before, probeBin, "deny", "clone3", "--", "/usr/bin/env", "PATH="+u.home, "/bin/sh", "-c", `exec /bin/sh "$@"`))
	if r.status != 1 || !strings.Contains(r.out, "tincan runs under a seccomp filter") || strings.Contains(r.out, "OUTSIDE") {
		t.Error(r)
	}
}

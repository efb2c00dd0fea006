// tincan check, on this host and on hosts that lack something.
package test

import (
	"strings"
	"testing"
)

// TestCheck checks that tincan check reports a trial container, and nothing missing, where tincan
// works.
func TestCheck(t *testing.T) {
	noLeaks(t, tree(t))
	r := job{args: []string{"check"}}.run(t)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.status != 0 || r.err != "" || strings.Contains(r.out, "missing") || !strings.HasPrefix(lines[len(lines)-1], "ok       trial            a container was made, with ") {
		t.Error(r)
	}
}

// TestCheckWithoutProc checks that without /proc, which nearly all other checks need, only that is
// reported as missing.
func TestCheckWithoutProc(t *testing.T) {
	needRoot(t)
	needProgram(t, "unshare")
	for _, c := range []struct {
		before []string
		says   string
	}{
		{inMountNS(t, "umount -l /proc"), "/proc is not the kernel's file system of processes: mount -t proc proc /proc"},
		{inMountNS(t, "mount -t tmpfs t /proc"), "/proc is not the kernel's file system of processes: mount -t proc proc /proc"},
		{[]string{"unshare", "--pid", "--fork"}, "/proc belongs to another PID namespace"},
	} {
		r := job{before: c.before, args: []string{"check"}}.run(t)
		lines := strings.Split(r.out, "\n")
		if r.status != 125 || r.err != "" || len(lines) != 4 || !strings.HasPrefix(lines[1], "missing  /proc            "+c.says) || !strings.HasPrefix(lines[2], "note     the rest         not checked") {
			t.Errorf("%q: %v", c.before, r)
		}
		refused(t, job{before: c.before, args: []string{"--", "echo", "ran"}}.run(t), c.says)
	}
}

// What an ordinary user's container has no power over: everything that the outer user namespace
// owns (rootless.go).
package test

import (
	"os"
	"strings"
	"testing"
)

// TestUserPower checks that, with every capability and no filter, the command is refused the same
// calls as in root's container.
func TestUserPower(t *testing.T) {
	const script = `
try() { "$@" 2>/dev/null && echo "worked: $*"; }
try mount -t tmpfs t /tmp
try mount -o remount,rw /
try mount -o remount,bind,rw /proc/sys
try mount -o remount,bind,rw /e
try umount /proc/sys
try umount -l /proc
try umount /e
try umount /tmp
try hostname changed
try ip link set lo down
try ip link add d type dummy
try mknod /tmp/null c 1 3
try touch /e/new
try touch /new
try sh -c 'echo 1 >/proc/sys/vm/drop_caches'
try cat /proc/1/environ
try ls /proc/1/root/
try readlink /proc/1/fd/0
try nsenter -t 1 -m true
try unshare -m sh -c 'umount /proc/sys || mount -o remount,bind,rw /proc/sys || umount /e'
grep CapEff /proc/self/status`
	for _, as := range []string{"single", "ranges"} {
		u := newUser(t, as)
		dir := u.tree(t)
		noLeaks(t, dir)
		r := u.run(t, "--ro", "--cap-add=ALL", "--seccomp=none", "-m", dir, "-a", dir+"/etc:/e:ro", "--", "sh", "-c", script)
		if f := strings.Fields(r.out); r.status != 0 || len(f) != 2 || strings.Trim(f[1], "0") == "" {
			t.Errorf("%s: %v", as, r)
		}
	}
}

// TestUserGroups checks that the user's other groups are left if newgidmap allows it. With a single
// id nobody may leave groups.
func TestUserGroups(t *testing.T) {
	for as, want := range map[string]string{"single": "Groups:\t65534", "ranges": "Groups:"} {
		u := newUser(t, as)
		dir := u.tree(t)
		noLeaks(t, dir)
		u.before[6] = strings.Replace(u.before[6], "--clear-groups", "--groups=4", 1)
		if got := u.ok(t, "-m", dir, "--", "grep", "Groups", "/proc/self/status"); strings.TrimSpace(got) != want {
			t.Errorf("%s: %q, want %q", as, got, want)
		}
	}
}

// TestUserHostNetwork checks --net=host: the host's /sys is read-only, and shows no control groups.
func TestUserHostNetwork(t *testing.T) {
	u := newUser(t, "single")
	dir := u.tree(t)
	noLeaks(t, dir)
	out := u.ok(t, "--net=host", "-m", dir, "--", "sh", "-c", "ls -A /sys/class/net; echo --; ls -A /sys/fs/cgroup; echo --; cat /proc/self/mountinfo; echo --; ip link set lo down 2>/dev/null || echo refused")
	part := strings.Split(out, "--\n")
	if len(part) != 4 || part[3] != "refused" {
		t.Fatalf("%q", out)
	}
	names, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !strings.Contains("\n"+part[0], "\n"+n.Name()+"\n") {
			t.Errorf("%s of the host is not in %q", n.Name(), part[0])
		}
	}
	if part[1] != "" {
		t.Errorf("/sys/fs/cgroup has %q", part[1])
	}
	seen := 0
	for line := range strings.Lines(part[2]) {
		if f := strings.Fields(line); f[4] == "/sys" || strings.HasPrefix(f[4], "/sys/") {
			seen++
			// The directory of /proc that covers others is empty, and nobody can make anything in it.
			if empty := f[3] == "/tty/ldisc" && strings.Contains(line, " - proc proc "); !empty && !strings.HasPrefix(f[5], "ro,nosuid,nodev,noexec") {
				t.Errorf("%s", line)
			}
		}
	}
	if seen < 2 {
		t.Errorf("%d mounts at /sys", seen)
	}
}

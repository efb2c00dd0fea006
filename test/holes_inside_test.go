// Holes 15 to 19 and 21: groups, capabilities, the launcher's memory, sockets.
package test

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CVE-2022-0492: mounting a version 1 hierarchy inside, for its release_agent.
func TestHole15ReleaseAgent(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, flags := range [][]string{nil, {"--cap-add=ALL", "--seccomp=none"}, {"--cap-add=ALL", "--seccomp=none", "--no-init"}} {
		got := attempt(t, append(append([]string{"-m", dir}, flags...), "mounts", "/tmp")...)
		for _, a := range []string{"tmpfs", "cgroup v1", "cgroup2", "proc", "bind", "remount /", "umount /proc/sys", "mknod"} {
			expect(t, got, a, "EPERM")
		}
		expect(t, got, "chroot and out", "EXDEV")
		if flags == nil {
			expect(t, got, "unshare(NEWNS)", "EPERM")
			expect(t, got, "unshare(NEWCGROUP)", "EPERM")
		}
	}
	// On the host, in a new mount namespace, the same program must be able to mount.
	as := []string{"-m", "--propagation", "private"}
	if asUser != "" {
		as = append(as, "-r")
	}
	out, err := exec.Command("unshare", append(as, probeBin, "mounts", t.TempDir())...).Output()
	if err != nil {
		skip(t, "unshare: %v", err)
	}
	expect(t, parseProbe(result{out: string(out)}), "tmpfs", "ok")
}

// CVE-2023-25809: changing the resource group from inside.
func TestHole16WritableCgroup(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, flags := range [][]string{nil, {"--cap-add=ALL", "--seccomp=none"}} {
		r := tincan(t, append(append([]string{"-m", dir}, flags...), probe("groups")...)...)
		if !strings.Contains(r.out, "tried: true") || strings.Contains(r.out, "made") || strings.Contains(r.out, "opened") {
			t.Errorf("%q: %v", flags, r)
		}
	}
	// The container sees version 1's groups from its own one down, and cannot change them.
	for m := range strings.Lines(ok(t, "-m", dir, "--", "cat", "/proc/self/mountinfo")) {
		f := strings.Fields(m)
		if !strings.Contains(m, " - cgroup ") {
			continue
		}
		if !strings.HasPrefix(f[5], "ro,nosuid,nodev,noexec") || f[3] != "/" && !strings.HasSuffix(f[4], f[3]) {
			t.Errorf("a hierarchy of version 1: %s", m)
		}
	}
	const change = `for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/*/tasks /sys/fs/cgroup/*/*; do
		test -e "$f" && (echo 1 >"$f") 2>/dev/null && echo "written: $f"; mkdir "$f.d" 2>/dev/null && echo "made: $f"; done; ls /sys/fs/cgroup/*/release_agent 2>/dev/null; echo tried`
	for _, flags := range [][]string{nil, {"--cap-add=ALL", "--seccomp=none"}} {
		if got := ok(t, append(append([]string{"-m", dir}, flags...), "--", "sh", "-c", change)...); got != "tried" {
			t.Errorf("%q: %s", flags, got)
		}
	}
}

// CVE-2022-29162: the container gets the caller's inheritable capabilities.
func TestHole17InheritableCapabilities(t *testing.T) {
	notForUsers(t, "a user has no capabilities to inherit")
	dir := tree(t)
	noLeaks(t, dir)
	needProgram(t, "setpriv")
	before := []string{"setpriv", "--inh-caps=+net_raw,+sys_chroot", "--ambient-caps=+net_raw,+sys_chroot"}
	if out, _ := exec.Command(before[0], append(before[1:], "grep", "CapInh", "/proc/self/status")...).Output(); strings.Contains(string(out), "0000000000000000") || len(out) == 0 {
		skip(t, "a setpriv that sets inheritable capabilities: %q", out)
	}
	for _, uid := range []string{"0", "1000"} {
		r := job{before: before, args: []string{"-u", uid, "-m", dir, "--", "grep", "-E", "Cap(Inh|Amb)", "/proc/self/status"}}.run(t)
		if strings.Join(strings.Fields(r.out), " ") != "CapInh: 0000000000000000 CapAmb: 0000000000000000" {
			t.Errorf("-u %s: %v", uid, r)
		}
	}
}

// If there is no user namespace, nothing may run.
func TestHole18UserNamespaceFailsOpen(t *testing.T) { TestDefect01UserNamespaceFailureIgnored(t) }

// The init is a copy of the launcher, with the caller's environment in its memory.
func TestHole19LauncherMemory(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	b := make([]byte, 12)
	rand.Read(b)
	secret := "secret-" + hex.EncodeToString(b)
	stats := filepath.Join(t.TempDir(), secret)
	for _, flags := range [][]string{nil, {"--no-init"}, {"--cap-add=ALL", "--seccomp=none"}} {
		args := append(append([]string{"--stats=" + stats, "-m", dir}, flags...), probe("search", hex.EncodeToString([]byte(secret)))...)
		r := job{args: args, env: []string{"SECRET=" + secret}}.run(t)
		if r.status != 0 || !strings.Contains(r.out, "tried: true") || !strings.Contains(r.out, "found: 0\n") {
			t.Errorf("%q: %v", flags, r)
		}
	}
	// The search must find a secret that the command is given.
	r := job{args: append([]string{"-e", "SECRET", "-m", dir}, probe("search", hex.EncodeToString([]byte(secret)))...), env: []string{"SECRET=" + secret}}.run(t)
	if !strings.Contains(r.out, "found in /proc/self/environ") && !strings.Contains(r.out, "/environ\n") {
		t.Error("the search finds nothing:", r)
	}
	// Even right after the fork, which strace prolongs here, the host's command line must not
	// be visible.
	notForRanges(t, "newuidmap, which is a set-user-ID program, does not work under a user's strace")
	needProgram(t, "strace")
	slow := []string{"strace", "-f", "-o", "/dev/null", "-e", "trace=close_range", "-e", "inject=close_range:delay_exit=200000:when=1"}
	r = job{before: slow, args: []string{"--stats=" + stats, "-m", dir, "--", "/bin/cat", "/proc/1/cmdline"}}.run(t)
	if strings.Trim(r.out, "\x00") != "tincan-init" {
		t.Errorf("/proc/1/cmdline: %v", r)
	}
}

// The host's sockets, as root in the host's own tree.
func TestHole21HostSockets(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	name := uniqueName()
	for _, s := range []string{"/run/" + name, "@" + name} {
		l, err := net.Listen("unix", s)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if strings.HasPrefix(s, "/") {
			os.Chmod(s, 0o777)
		}
	}
	args := []string{"connect", "/run/" + name, "/var/run/" + name, "@" + name}
	inside := []string{"-a", probeBin + ":/tmp/probe", "--", "/tmp/probe"}
	got := parseProbe(tincan(t, append(inside, args...)...))
	expect(t, got, "/run/"+name, "ENOENT")
	expect(t, got, "/var/run/"+name, "ENOENT")
	expect(t, got, "@"+name, "ECONNREFUSED")
	open := append([]string{"--net=host", "-a", "/run/" + name + ":/run/" + name}, inside...)
	got = parseProbe(tincan(t, append(open, args...)...))
	expect(t, got, "/run/"+name, "ok")
	expect(t, got, "@"+name, "ok")
}

// Defects 7 to 18 of the published code: limits, and how a run begins and ends.
package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The published code set the limit of open files (64) on the launcher.
func TestDefect07NofileOnTheLauncher(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	if got := ok(t, "-m", dir, "--", "sh", "-c", "ulimit -Sn; ulimit -Hn"); got != "1024\n1024" {
		t.Errorf("inside: %q, want 1024 1024", got)
	}
	j := start(t, job{args: []string{"-m", dir, "--", "sh", "-c", "echo ready; cat"}})
	j.waitFor("ready")
	// Look at a child, because Go's runtime has raised the soft limit of this process.
	child, err := exec.Command("cat", "/proc/self/limits").Output()
	if err != nil {
		t.Fatal(err)
	}
	own, launcher := string(child), read(t, fmt.Sprintf("/proc/%d/limits", j.pid()))
	if line(own, "Max open files") != line(launcher, "Max open files") {
		t.Errorf("the launcher has %q, its caller has %q", line(launcher, "Max open files"), line(own, "Max open files"))
	}
	j.closeInput()
	j.wait()
}

// line returns the first line of a text that begins with the prefix.
func line(text, prefix string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// The published code skipped limits that could not be set, without a message.
func TestDefect08LimitsSkipped(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	hidden := inMountNS(t, "mount -t tmpfs none /sys/fs/cgroup")
	r := job{before: hidden, args: []string{"-m", dir, "--", "echo", "ran"}}.run(t)
	refused(t, r, "group", "--no-cgroup")
	r = job{before: hidden, args: []string{"--no-cgroup", "-m", dir, "--", "echo", "ran"}}.run(t)
	if r.status != 0 || r.out != "ran\n" {
		t.Error("--no-cgroup:", r)
	}
	readOnly := inMountNS(t, `for m in $(grep -o ' /sys/fs/cgroup[^ ]*' /proc/self/mountinfo); do mount -o remount,bind,ro $m; done`)
	refused(t, job{before: readOnly, args: []string{"-m", dir, "--", "echo", "ran"}}.run(t), "mkdir(", "EROFS", "--no-cgroup")
}

// The published code wrote version 1's weights to version 2. 256 of 1024 is a quarter, and version
// 2's is 25 of 100.
func TestDefect09Values(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	want := map[string]string{"memory/memory.limit_in_bytes": "1073741824", "memory/memory.memsw.limit_in_bytes": "1073741824",
		"pids/pids.max": "64", "cpu/cpu.shares": "256"}
	if onV2() {
		want = map[string]string{"unified/memory.max": "1073741824", "unified/memory.swap.max": "0", "unified/pids.max": "64",
			"unified/cpu.weight": "25", "unified/memory.oom.group": "1"}
	}
	withGroup(t, nil, dir, func(file func(string) string) {
		for name, v := range want {
			if got := file(name); got != v {
				t.Errorf("%s: %s, want %s", name, got, v)
			}
		}
	})
}

// In the published code, the command saw the host's path of its group, and two containers with the
// same name shared a group.
func TestDefect10GroupSeenAndShared(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	groups := ok(t, "-m", dir, "--", "cat", "/proc/self/cgroup")
	n := 0
	for l := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSpace(l), ":", 3)
		if c := f[1]; c == "memory" || c == "pids" || c == "cpu" || c == "" && onV2() {
			if n++; f[2] != "/" {
				t.Errorf("the command sees its group as %s", l)
			}
		}
	}
	if n == 0 {
		t.Errorf("no controllers in %q", groups)
	}
	name := uniqueName()
	args := []string{"--hostname=" + name, "-m", dir, "--", "sh", "-c", "hostname; cat"}
	a, b := start(t, job{args: args}), start(t, job{args: args})
	a.waitFor(name)
	b.waitFor(name)
	if got := groupNames(name); len(got) != 2 {
		t.Errorf("two containers called %s have the groups %q", name, got)
	}
	for _, j := range []*running{a, b} {
		j.closeInput()
		if r := j.wait(); r.status != 0 {
			t.Error(r)
		}
	}
}

// The published code's exit status was always 0.
func TestDefect11ExitStatusLost(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for line, want := range map[string]int{"exit 0": 0, "exit 1": 1, "exit 42": 42, "exit 255": 255, "kill -9 $$": 137, "kill -TERM $$": 143} {
		if r := tincan(t, "-m", dir, "--", "sh", "-c", line); r.status != want {
			t.Errorf("%s: %v", line, r)
		}
	}
	wantFailure(t, tincan(t, "-m", dir, "--", "nonesuch"), 127, "nonesuch: command not found")
	wantFailure(t, tincan(t, "-m", dir, "--", "/etc/mine"), 126, "/etc/mine", "EACCES")
	wantFailure(t, tincan(t, "-m", dir, "--", "/etc"), 126, "a directory")
}

// In the published code, both sides hung after an error before the handshake.
func TestDefect12HangBeforeHandshake(t *testing.T) {
	notForRanges(t, "newuidmap does not work under a user's filter")
	dir := tree(t)
	noLeaks(t, dir)
	for _, call := range []string{"clone3", "sethostname", "mount", "mount_setattr", "pivot_root", "umount2", "setgroups", "setresuid", "capset", "seccomp", "close_range"} {
		if call == "setgroups" && asUser == "single" {
			continue // a user with a single id cannot leave groups
		}
		r := job{before: []string{probeBin, "deny", call, "--"}, args: []string{"-m", dir, "--", "echo", "ran"}, within: 10 * time.Second}.run(t)
		refused(t, r, call+"(", "EPERM")
	}
}

// In the published code, SIGTERM ended the launcher and left the command and the group behind, and
// the command, as PID 1, got neither TERM nor INT and did not reap orphans.
func TestDefect14SignalsAndZombies(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	j := start(t, job{args: []string{"-m", dir, "--", "sh", "-c", "echo ready; exec sleep 1000"}})
	j.waitFor("ready")
	j.signal(syscall.SIGTERM)
	if r := j.wait(); r.status != 128+15 || r.took > 5*time.Second {
		t.Error("SIGTERM:", r)
	}
	zombies := ok(t, "-m", dir, "--", "sh", "-c", `(sleep 0 & exec true); (sleep 0 & exec true); sleep 0.1; grep -l '^State:.Z' /proc/[0-9]*/status; true`)
	if zombies != "" {
		t.Errorf("zombies: %s", zombies)
	}
}

// The published code left a directory in /tmp and mount points behind, and failed for a read-only
// root directory.
func TestDefect15LeftBehindAndReadOnlyRoot(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	was := tmpEntries(t)
	if got := ok(t, "-m", dir, "-a", dir+"/etc:/new/dir", "--", "cat", "/new/dir/mine"); got != "the user's own" {
		t.Error(got)
	}
	if exists(filepath.Join(dir, "new")) || exists(filepath.Join(dir, "proc")) {
		t.Error("mount points are left in the root directory")
	}
	if now := tmpEntries(t); now != was {
		t.Errorf("left in /tmp:\n%s\nbefore:\n%s", now, was)
	}
	readOnly := inMountNS(t, fmt.Sprintf("mount --bind %[1]s %[1]s; mount -o remount,bind,ro %[1]s", dir))
	r := job{before: readOnly, args: []string{"-m", dir, "--", "sh", "-c", "cat /etc/mine; ls -d /proc/1 /dev/null /tmp /sys; touch /x || touch /etc/x || echo read-only"}}.run(t)
	if r.status != 0 || r.out != "the user's own\n/dev/null\n/proc/1\n/sys\n/tmp\nread-only\n" {
		t.Error("a read-only root directory:", r)
	}
}

// tmpEntries lists the files that the published code leaves in /tmp, and those that tincan might
// leave.
func tmpEntries(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/tmp/*crabcan*")
	if err != nil {
		t.Fatal(err)
	}
	if exists("/tmp/tincan/lock") {
		found = append(found, "/tmp/tincan")
	}
	return strings.Join(found, "\n")
}

// These command lines made the published code panic, or could not be expressed.
func TestDefect17CommandLine(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	refused(t, tincan(t, "-m", dir, "-a", "/etc", "--", "true"), "-a /etc: the colon is missing", "HOST:CONTAINER")
	refused(t, tincan(t, "-m", dir, "-c", ""), "an empty value")
	for _, blank := range []string{" ", " \t "} {
		refused(t, tincan(t, "-m", dir, "-c", blank), "no command to run")
	}
	got := ok(t, append([]string{"-m", dir}, "-a", probeBin+":/probe", "-c", `/probe argv 'a b' "c \"d" e\ f '' x"y"z`)...)
	if want := `["a b" "c \"d" "e f" "" "xyz"]`; got != want {
		t.Errorf("quoting: %s, want %s", got, want)
	}
	odd := filepath.Join(t.TempDir(), "a:b")
	mkdir(t, odd)
	write(t, odd+"/f", "colon")
	if got := ok(t, "-m", dir, "-a", strings.ReplaceAll(odd, ":", `\:`)+`:/c\:d:ro`, "--", "cat", "/c:d/f"); got != "colon" {
		t.Error(got)
	}
}

// In the published code, the environment was empty, and most of what programs expect was missing.
func TestDefect18BareWorld(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	env := ok(t, "-m", dir, "-e", "A=b", "--", "env")
	for _, want := range []string{"PATH=/usr/local/sbin:", "HOME=/root", "TERM=", "A=b"} {
		if line(env, want) == "" {
			t.Errorf("no %s in the environment:\n%s", want, env)
		}
	}
	got := ok(t, "-m", dir, "-u", "7", "--gid=9", "--", "sh", "-c",
		`id -u; id -g; id -G; ls /proc/self/stat /sys/kernel >/dev/null && echo proc and sys; echo x >/dev/null; echo y >/tmp/f; cat /tmp/f; head -c2 /dev/zero | wc -c; ls /dev/pts/ptmx /dev/shm -d; cat /proc/self/uid_map`)
	ids := map[string][][3]int{"": {{0, 10000, 2000}, {65534, 12000, 1}}, "single": {{7, 7, 1}}, "ranges": grantedMap(t)}[asUser]
	if want := "7\n9\n9\nproc and sys\ny\n2\n/dev/pts/ptmx\n/dev/shm\n" + idMapText(ids); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if asUser != "" {
		t.Log("--map is in rootless_test.go")
	} else if got := ok(t, "-m", dir, "--map=0:20000:10", "--map=100:30000:5", "-u", "101", "--", "cat", "/proc/self/gid_map"); strings.Join(strings.Fields(got), " ") != "0 20000 10 100 30000 5" {
		t.Error("--map:", got)
	}
	got2 := attempt(t, "-m", dir, "loopback")
	expect(t, got2, "connect", "ok")
	expect(t, got2, "outside", "ENETUNREACH")
	expect(t, attempt(t, "-m", dir, "ioctls"), "TIOCSTI", "EPERM")
}

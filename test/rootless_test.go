// What is special about an ordinary user's container. Root runs these tests and makes the user;
// user_test.go lets the user run all other tests.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// user is a user that exists during a test.
type user struct {
	before []string // runs a command as the user
	home   string   // the user's home directory
}

// newUser returns a user. as is "single" or "ranges".
func newUser(t *testing.T, as string) user {
	t.Helper()
	needRoot(t)
	if as == "ranges" {
		needProgram(t, "newuidmap")
	}
	u := user{becomeUser(t, as), filepath.Join(t.TempDir(), "home")}
	mkdir(t, u.home)
	os.Chmod(filepath.Dir(u.home), 0o755)
	for _, f := range []string{u.home, u.home + "/.ssh"} {
		mkdir(t, f)
		os.Chown(f, testUser, testUser)
	}
	write(t, u.home+"/.ssh/id", "secret\n")
	os.Chown(u.home+"/.ssh/id", testUser, testUser)
	os.Chmod(u.home+"/.ssh/id", 0o600)
	return u
}

// with returns the user with a shell script that root runs before, in the user's mount namespace.
func (u user) with(script string) user {
	u.before = append(slices.Clone(u.before[:6]), strings.Replace(u.before[6], "exec setpriv", script+"; exec setpriv", 1))
	return u
}

// tree returns a root directory that belongs to the user.
func (u user) tree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(u.home, "tree")
	fillTree(t, dir)
	if out, err := exec.Command("chown", "-R", fmt.Sprint(testUser, ":", testUser), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return dir
}

// run runs tincan as the user, without a resource group.
func (u user) run(t *testing.T, args ...string) result {
	t.Helper()
	if !slices.Contains(args, "check") {
		args = append([]string{"--no-cgroup"}, args...)
	}
	return job{before: u.before, args: args, env: []string{"HOME=" + u.home, "XDG_RUNTIME_DIR="}, dir: "/"}.run(t)
}

// ok runs tincan as the user, requires status 0 and an empty standard error, and returns the
// output.
func (u user) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := u.run(t, args...)
	if r.status != 0 || r.err != "" {
		t.Fatalf("tincan %q: %v", args, r)
	}
	return strings.TrimRight(r.out, "\n")
}

// TestUserBadMaps checks the errors for maps that a user may not have.
func TestUserBadMaps(t *testing.T) {
	single, ranges := newUser(t, "single"), newUser(t, "ranges")
	for _, c := range []struct {
		u     user
		flags string
		says  string
	}{
		{single, "-u 0 --gid=5 --map=0:0:1", "--map=0:0:1: /etc/subuid does not grant these ids to user 23456, who is not root"},
		{single, "--map=0:100000:10", "--map=0:100000:10|23456 (their own id) and no others"},
		{single, fmt.Sprintf("--map=0:%d:2", testUser), "does not grant"},
		{single, fmt.Sprintf("-u 5 --map=0:%d:1", testUser), "--uid=5: the container has only the id 0: choose that"},
		{single, "-u 4294967295", "-u 4294967295|neither a user's number, 0 to 4294967294, nor a name"},
		{ranges, "--map=0:0:1", "--map=0:0:1|700000 to 700999, 702000 to 767535"},
		{ranges, "--map=0:700000:1001", "--map=0:700000:1001|does not grant"},
		{ranges, "--map=0:699999:2", "does not grant"},
		{ranges, "-u 66537", "--uid=66537|0, 1 to 1000, 1001 to 66536: choose one of these, or map other ids with --map"},
		{ranges, "--map=0:700000:10 --map=5:702000:10", "overlaps"},
	} {
		r := c.u.run(t, append(strings.Fields(c.flags), "--", "echo", "ran")...)
		refused(t, r, strings.Split(c.says, "|")...)
	}
}

// TestUserHelpers checks newuidmap and its files: missing, malformed, or without privilege.
func TestUserHelpers(t *testing.T) {
	u := newUser(t, "ranges")
	helper := needProgram(t, "newuidmap")
	write(t, u.home+"/plain", "not executable")
	missing := u.with("mount --bind " + u.home + "/plain " + helper)
	got := missing.ok(t, "--", "cat", "/proc/self/uid_map")
	if strings.Join(strings.Fields(got), " ") != "0 0 1" {
		t.Errorf("without newuidmap: %q, want the single id", got)
	}
	refused(t, missing.run(t, "-u", "33", "--map=0:700000:100", "--", "echo", "ran"), "newuidmap is not installed", "apt install uidmap")
	refused(t, missing.run(t, "--map=auto", "--", "echo", "ran"), "--map=auto: newuidmap is not installed", "apt install uidmap")
	if r := missing.run(t, "check"); r.status != 0 || !strings.Contains(r.out, "newuidmap is not installed") {
		t.Error(r)
	}
	malformed := u.with(fmt.Sprintf("echo tincantest:100000 >%[1]s; mount --bind %[1]s /etc/subuid", filepath.Join(u.home, "malformed")))
	refused(t, malformed.run(t, "--", "echo", "ran"), "/etc/subuid, line 1", `"tincantest:100000" is not USER:FIRST:COUNT`)
	if got := malformed.ok(t, fmt.Sprintf("--map=0:%d:1", testUser), "--", "echo", "ran"); got != "ran" {
		t.Error(got)
	}
	weak := u.with("mount --bind " + filepath.Dir(helper) + " " + filepath.Dir(helper) + "; mount -o remount,bind,nosuid " + filepath.Dir(helper))
	refused(t, weak.run(t, "--", "echo", "ran"), `["newuidmap", "`, "Operation not permitted", "--map=0:$(id -u):1")
	secret := u.with(fmt.Sprintf("cp /etc/subuid %[1]s; chmod 600 %[1]s; mount --bind %[1]s /etc/subuid", filepath.Join(u.home, "unreadable")))
	refused(t, secret.run(t, "--", "echo", "ran"), `open("/etc/subuid", O_RDONLY) = EACCES (permission denied)`, fmt.Sprintf("--map=0:%d:1", testUser))
	// Programs that report success wrongly, fail, or keep their output open.
	bin := filepath.Join(u.home, "bin")
	mkdir(t, bin)
	os.Chown(bin, testUser, testUser)
	own := u
	own.before = append(slices.Clone(u.before), "env", "PATH="+bin+":/usr/bin:/bin")
	for _, c := range []struct{ script, says string }{
		{"exit 0", fmt.Sprintf(`/uid_map contains "" instead of "0 %d 1 1 `, testUser)},
		{"exec " + helper + " $1 0 " + fmt.Sprint(testUser) + " 1", `/uid_map contains "0 `},
		{"echo boom >&2; exit 7", "exit status 7: boom|neither a set-user-ID bit"},
		{"kill -9 $$", "signal SIGKILL"},
		{"sleep 100 & echo $! >" + bin + "/pid; exit 1", "exit status 1"}, // a process keeps the output open
		{"echo boom; exit 7", "exit status 7: boom"},
		{"read x || echo none; exit 7", "exit status 7: none"},
		{"head -c 200000 /dev/zero >&2; exit 3", "exit status 3"},
		{"", `execve("` + bin + `/newuidmap"|ENOEXEC|--map=0:$(id -u):1`},
	} {
		script := "#!/bin/sh\n" + c.script + "\n"
		if c.script == "" {
			script = "neither a script nor a program"
		}
		write(t, bin+"/newuidmap", script)
		os.Chmod(bin+"/newuidmap", 0o755)
		refused(t, own.run(t, "--", "echo", "ran"), strings.Split(c.says, "|")...)
	}
	left := strings.TrimSpace(read(t, bin+"/pid"))
	for _, fd := range []string{"1", "2"} {
		if file, err := os.Readlink("/proc/" + left + "/fd/" + fd); err != nil || !strings.Contains(file, "memfd:") {
			t.Errorf("the process that newuidmap left running has descriptor %s: %q (%v)", fd, file, err)
		}
	}
	exec.Command("kill", left).Run()
	// A slow newuidmap does not shorten the command's time.
	write(t, bin+"/newuidmap", "#!/bin/sh\nsleep 2\nexec "+helper+" \"$@\"\n")
	if got := own.ok(t, "--timeout=1.5", "--", "echo", "ran"); got != "ran" {
		t.Error(got)
	}
	// If newuidmap does not end, --timeout and signals end tincan all the same.
	t.Run("endless", func(t *testing.T) {
		noLeaks(t)
		length := fmt.Sprint(100000 + os.Getpid()) // newuidmap has no environment, so no mark
		t.Cleanup(func() {
			for range 50 {
				if sleeping(length) == 0 {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Error("a newuidmap was left running")
			exec.Command("kill", strings.Fields(read(t, bin+"/pids"))...).Run()
		})
		for _, c := range []struct {
			sends, flags string
			status       int
			says         string
		}{
			{":", "--timeout=0.5", 124, "--timeout=0.5 expired while"},
			{"kill -TERM $PPID", "", 143, "SIGTERM arrived while"},
			{"kill -INT $PPID", "", 130, "SIGINT arrived while"},
		} {
			write(t, bin+"/newuidmap", "#!/bin/sh\necho $$ >>"+bin+"/pids\n"+c.sends+"\nexec sleep "+length+"\n")
			r := own.run(t, append(strings.Fields(c.flags), "--", "echo", "ran")...)
			wantFailure(t, r, c.status, c.says, `["newuidmap", "`)
		}
	})
	os.Remove(bin + "/newuidmap")
	mkdir(t, bin+"/newuidmap") // a directory is not a program
	if got := own.ok(t, "-u", "33", "--", "id", "-u"); got != "33" {
		t.Error(got)
	}
	group := u
	group.before = append(slices.Clone(u.before[:6]), strings.Replace(u.before[6], fmt.Sprintf("--regid=%d", testUser), "--regid=1", 1))
	refused(t, group.run(t, "--", "echo", "ran"), `["newuidmap", "`, "newgrp(1)", "--map=0:$(id -u):1")
	nnp := u
	nnp.before = append(slices.Clone(u.before), "setpriv", "--no-new-privs")
	refused(t, nnp.run(t, "--", "echo", "ran"), `["newuidmap", "`, "no_new_privs")
}

// TestUserRoots checks root directories that do not belong to the user, and the errors for those
// that cannot be used.
func TestUserRoots(t *testing.T) {
	u := newUser(t, "single")
	dir := filepath.Join(u.home, "roots")
	fillTree(t, dir)
	if got := u.ok(t, "-m", dir, "--", "sh", "-c", "cat /etc/mine; touch /new 2>/dev/null || echo read-only"); got != "the user's own\nread-only" {
		t.Error(got)
	}
	os.Chmod(dir, 0o711)
	refused(t, u.run(t, "-m", dir, "--", "echo", "ran"), "-m "+dir+": it has no /proc to mount on", "permission denied; chmod o+r "+dir)
	for _, d := range []string{"proc", "sys", "dev", "tmp"} {
		mkdir(t, filepath.Join(dir, d))
	}
	if got := u.ok(t, "-m", dir, "--", "cat", "/etc/mine"); got != "the user's own" {
		t.Error(got)
	}
	os.Chmod(dir, 0o700)
	refused(t, u.run(t, "-m", dir, "--", "echo", "ran"), "-m "+dir+": mode 0700, owner 0:0", "chmod o+x "+dir)
	os.Chmod(dir, 0o755)
	v := u.with(fmt.Sprintf("mount --bind %[1]s %[1]s; mount -o remount,bind,noexec,nosuid,nodev,noatime %[1]s", dir))
	r := v.run(t, "-m", dir, "--", "cat", "/etc/mine")
	if r.status != 126 || !strings.Contains(r.err, "EACCES") || !strings.Contains(r.err, "/bin/cat: is on a file system that is mounted noexec") {
		t.Error(r)
	}
	// An added path keeps the flags of its mount, and :ro is added to them.
	for flag, want := range map[string]string{"": "rw,nosuid,nodev,noexec,noatime", ":ro": "ro,nosuid,nodev,noexec,noatime"} {
		lines := strings.Split(v.ok(t, "-a", dir+":/mnt"+flag, "--", "grep", " /mnt ", "/proc/self/mountinfo"), "\n")
		if last := strings.Fields(lines[len(lines)-1]); len(last) < 6 || last[5] != want {
			t.Errorf("%q: %q, want %s", flag, lines, want)
		}
	}
}

// TestUserForbidden checks the errors on hosts and in containers that forbid users' containers.
func TestUserForbidden(t *testing.T) {
	u := newUser(t, "single")
	// The kernel allows a new /proc or /sys if any procfs or sysfs is fully visible, such as that
	// of a chroot on this machine (fs/namespace.c, mount_too_revealing). So the others are
	// unmounted.
	alone := u.with(`cat /proc/mounts | while read -r _ at type _; do case "$type $at" in "proc /proc" | "sysfs /sys") ;; proc\ * | sysfs\ *) umount -l "$at" ;; esac; done`)
	r := alone.with("mount -t tmpfs t /proc/irq").run(t, "--", "echo", "ran")
	refused(t, r, `mount("proc", "/proc"`, "parts of the host's /proc are covered (/proc/irq)", "systempaths=unconfined")
	r = alone.with("mount -t tmpfs t /sys/firmware").run(t, "--", "echo", "ran")
	refused(t, r, `mount("sysfs", "/sys"`, "/sys/firmware")
	r = u.with("mount -t tmpfs t /sys/firmware").run(t, "--net=host", "--", "echo", "ran")
	if r.status != 0 || r.out != "ran\n" {
		t.Error("with --net=host the host's /sys is used, but:", r)
	}
	v := u
	v.before = append(slices.Clone(u.before), probeBin, "deny", "clone3", "--")
	refused(t, v.run(t, "--", "echo", "ran"), "clone3(", "tincan runs under a seccomp filter", "seccomp=unconfined")
}

// TestUserLimits checks that without a resource group the limits are those of a process, that a
// limit which was asked for is an error, and that one line on standard error says so.
func TestUserLimits(t *testing.T) {
	if onV2() {
		t.Skip("needs version 1 of control groups; this host has version 2")
	}
	u := newUser(t, "single")
	dir := u.tree(t)
	noLeaks(t, dir)
	run := func(args ...string) result {
		return job{before: u.before, args: append(args, "-m", dir, "--", "sh", "-c", `grep -E "Max (data|proc)" /proc/self/limits`), dir: "/"}.run(t)
	}
	r := run()
	if want := "tincan: no resource group, so only process limits hold (data=1GiB, nproc=64): see 'tincan check'; --no-cgroup silences this\n"; r.status != 0 || !strings.HasPrefix(r.err, want) || strings.Count(r.err, "\n") != 1 {
		t.Error(r)
	}
	if f := strings.Fields(r.out); len(f) != 11 || f[3] != "1073741824" || f[8] != "64" {
		t.Errorf("%q", f)
	}
	if r := run("--rlimit=nproc=70", "--rlimit=data=max"); !strings.Contains(r.out, "70") || strings.Contains(r.out, "1073741824") ||
		!strings.Contains(r.err, "data=max") || !strings.Contains(r.err, "nproc=70") {
		t.Error(r)
	}
	for _, flag := range []string{"--memory=64M", "--pids=10", "--cpus=1", "--cpu-weight=50", "--swap=0", "--io-weight=5", "--memory=max"} {
		refused(t, run(flag), strings.Split(flag, "=")[0]+": there is no resource group", "systemd-run --user")
	}
	// Each container has its own count: two at the same time can have 40 processes each.
	script := "i=0; while [ $i -lt 40 ]; do sleep 3 & i=$((i+1)); done; echo ready; cat"
	a := start(t, job{before: u.before, args: []string{"-m", dir, "--", "sh", "-c", script}, dir: "/"})
	a.waitFor("ready")
	b := start(t, job{before: u.before, args: []string{"-m", dir, "--", "sh", "-c", script}, dir: "/"})
	b.waitFor("ready")
	for _, j := range []*running{a, b} {
		j.closeInput()
		if r := j.wait(); r.status != 0 {
			t.Error(r)
		}
	}
	r = job{before: u.before, args: []string{"-m", dir, "--", "sh", "-c", strings.ReplaceAll(script, "40", "80")}, dir: "/"}.run(t)
	if r.status == 0 || !strings.Contains(r.err, "fork") {
		t.Error("80 processes with a limit of 64:", r)
	}
}

// TestUserPlan compares the plan with strace's output for ranges. Root's strace lets newuidmap
// work.
func TestUserPlan(t *testing.T) {
	strace := needProgram(t, "strace")
	u := newUser(t, "ranges")
	dir := u.tree(t)
	noLeaks(t, dir)
	script, _, _ := strings.Cut(u.before[6], "exec setpriv")
	before := append(slices.Clone(u.before[:6]), script+`exec "$0" "$@"`, strace, "-u", "tincantest")
	for _, flags := range [][]string{nil, {"-u", "33"}, {fmt.Sprintf("--map=0:%d:10", grantedFrom), "--net=host"}} {
		comparePlan(t, u.before, before, append(flags, "--no-cgroup", "--hostname="+uniqueName(), "-m", dir, "--", "/bin/true"))
	}
}

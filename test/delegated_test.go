// A user's delegated resource group, on a machine with version 2 of control groups.
package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// needV2 skips the test on machines without version 2. The virtual machines of vm/ have it.
func needV2(t *testing.T) {
	t.Helper()
	needRoot(t)
	if !onV2() {
		t.Skip("needs version 2 of control groups; this host has version 1; vm/ runs this test in a virtual machine")
	}
}

// started runs tincan as the user, as the only process in the group.
func (u user) started(t *testing.T, group string, args ...string) result {
	t.Helper()
	return job{before: startedIn(u.before, group), args: args, env: []string{"HOME=/"}, dir: "/"}.run(t)
}

// groupState describes a group: its subgroups, its processes and its controllers.
func groupState(t *testing.T, dir string) string {
	t.Helper()
	below, err := filepath.Glob(dir + "/*/cgroup.procs") // each group has one
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q %q %q", below, strings.TrimSpace(read(t, dir+"/cgroup.procs")), strings.TrimSpace(read(t, dir+"/cgroup.subtree_control")))
}

// TestUserDelegatedGroup runs tincan alone in a delegated group. The launcher moves to a subgroup
// and, at the end, back.
func TestUserDelegatedGroup(t *testing.T) {
	needV2(t)
	for _, as := range []string{"single", "ranges"} {
		if _, err := exec.LookPath("newuidmap"); err != nil && as == "ranges" {
			skip(t, "newuidmap")
		}
		u := newUser(t, as)
		dir := u.tree(t)
		group := delegatedGroup(t)
		before := groupState(t, group)
		r := u.started(t, group, "-m", dir, "--", "sh", "-c", "cat /proc/self/cgroup /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x || echo read-only")
		if r.status != 0 || r.out != "0::/\n1073741824\n64\nread-only\n" || strings.Contains(r.err, "tincan:") {
			t.Errorf("%s: %v", as, r)
		}
		r = u.started(t, group, "--memory=32M", "-m", dir, "--", "dd", "if=/dev/zero", "of=/tmp/big", "bs=1M", "count=100")
		if r.status != 137 || !strings.Contains(r.err, "tincan: out of memory: ") {
			t.Errorf("%s: --memory: %v", as, r)
		}
		r = u.started(t, group, "--pids=5", "-m", dir, "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done")
		if !strings.Contains(r.err, "limit of 5; --pids raises it") {
			t.Errorf("%s: --pids: %v", as, r)
		}
		r = u.started(t, group, "--memory=64M", "-m", dir, "--", "nonesuch")
		wantFailure(t, r, 127, "nonesuch: command not found")
		if after := groupState(t, group); after != before {
			t.Errorf("%s: the group was %s and has become %s", as, before, after)
		}
		if r := u.started(t, group, "check"); r.status != 0 || !strings.Contains(r.out, "version 2: "+group) {
			t.Errorf("%s: %v", as, r)
		}
	}
}

// TestUserDelegatedKilled checks that the next run removes the subgroup of a killed launcher.
func TestUserDelegatedKilled(t *testing.T) {
	needV2(t)
	u := newUser(t, "single")
	dir := u.tree(t)
	group := delegatedGroup(t)
	j := start(t, job{before: startedIn(u.before, group), args: []string{"-m", dir, "--", "sh", "-c", "echo ready; cat"}, env: []string{"HOME=/"}, dir: "/"})
	j.waitFor("ready")
	if s := groupState(t, group); !strings.Contains(s, "tincan-launcher-") || !strings.Contains(s, "memory") {
		t.Errorf("while it runs: %s", s)
	}
	j.signal(9)
	j.wait()
	// The controllers are still enabled, so the group itself cannot have processes, but a
	// subgroup can.
	leaf := filepath.Join(group, "leaf")
	mkdir(t, leaf)
	os.Chown(leaf, testUser, testUser)
	os.Chown(leaf+"/cgroup.procs", testUser, testUser)
	r := u.started(t, leaf, "--memory=50M", "-m", dir, "--", "cat", "/sys/fs/cgroup/memory.max")
	if r.status != 0 || r.out != "52428800\n" {
		t.Error(r)
	}
	os.Remove(leaf)
	if s := groupState(t, group); strings.Contains(s, "tincan-launcher-") {
		t.Errorf("after another run: %s", s)
	}
}

// TestUserControllersAreKept checks that limits stay when systemd takes back the controllers, which
// the user's systemd does in units without Delegate=. The user cannot know in advance whether it
// will.
func TestUserControllersAreKept(t *testing.T) {
	needV2(t)
	const booted = "/run/systemd/system" // sd_booted(3)
	if _, err := os.Stat(booted); err != nil {
		mkdir(t, booted)
		defer os.RemoveAll("/run/systemd")
	}
	u := newUser(t, "single")
	dir := u.tree(t)
	group := delegatedGroup(t)
	before := groupState(t, group)
	j := start(t, job{before: startedIn(u.before, group), args: []string{"--memory=48M", "--hostname=kept", "-m", dir, "--", "sh", "-c", "echo ready; cat"}, env: []string{"HOME=/"}, dir: "/"})
	j.waitFor("ready")
	for _, c := range []string{"memory", "pids", "cpu"} {
		if err := os.WriteFile(group+"/cgroup.subtree_control", []byte("-"+c), 0); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("%s: the controller could be disabled: %v", c, err)
		}
	}
	if b, err := os.ReadFile(group + "/kept/memory.max"); string(b) != "50331648\n" {
		t.Errorf("the limit is %q: %v", b, err)
	}
	j.closeInput()
	if r := j.wait(); r.status != 0 {
		t.Error(r)
	}
	if after := groupState(t, group); after != before {
		t.Errorf("the group was %s and has become %s", before, after)
	}
}

// toGetGroup returns what the error suggests on this machine, or in a machine of vm/.
func toGetGroup() string {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return "systemd-run --user --scope -p Delegate=yes tincan"
	}
	return "systemd does not run here"
}

// TestUserUndelegatedGroup runs tincan without a usable group. A limit that was asked for is an
// error that says why. The defaults become limits of setrlimit(2), with a note.
func TestUserUndelegatedGroup(t *testing.T) {
	needV2(t)
	u := newUser(t, "single")
	dir := u.tree(t)
	noLeaks(t, dir)
	others := delegatedGroup(t)
	sleeper := exec.Command("sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleeper.Wait()
	defer sleeper.Process.Kill()
	write(t, others+"/cgroup.procs", fmt.Sprint(sleeper.Process.Pid))
	poor := delegatedGroup(t)
	inner := filepath.Join(poor, "inner") // it has no controllers
	mkdir(t, inner)
	t.Cleanup(func() { os.Remove(inner) })
	for _, f := range []string{"", "/cgroup.procs", "/cgroup.subtree_control"} {
		os.Chown(inner+f, testUser, testUser)
	}
	os.Chown(poor, 0, 0)
	roots := filepath.Join("/sys/fs/cgroup", uniqueName())
	mkdir(t, roots)
	t.Cleanup(func() { os.Remove(roots) })
	slice := filepath.Join("/sys/fs/cgroup", uniqueName()+".slice")
	mkdir(t, slice)
	t.Cleanup(func() { os.Remove(slice) })
	for _, c := range []struct {
		group string
		says  []string
	}{
		{others, []string{fmt.Sprintf("contains other processes (%d sleep", sleeper.Process.Pid), "no internal processes", toGetGroup()}},
		{inner, []string{"has no memory controller", "Delegate=cpu cpuset io memory pids"}},
		{roots, []string{"this user may not write to", toGetGroup()}},
		{slice, []string{"belongs to systemd itself", toGetGroup()}},
	} {
		refused(t, u.started(t, c.group, "--memory=64M", "-m", dir, "--", "echo", "ran"), append(slices.Clone(c.says), "--memory: there is no resource group")...)
		r := u.started(t, c.group, "-m", dir, "--", "sh", "-c", "grep -c 1073741824 /proc/self/limits; echo ran")
		if r.status != 0 || r.out != "1\nran\n" {
			t.Errorf("%s: %v", c.group, r)
		}
		if !strings.HasPrefix(r.err, "tincan: no resource group") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%s: want one line that says that there is no group: %v", c.group, r)
		}
		r = u.started(t, c.group, "check")
		for _, s := range append(c.says, "resource group   none") {
			if !strings.Contains(r.out, s) {
				t.Errorf("%s: check does not say %q: %v", c.group, s, r)
			}
		}
	}
}

// TestRootInsideAnotherGroup runs tincan as root in a group below the top, as in another container.
// The launcher moves to a subgroup there too, or reports what prevents that.
func TestRootInsideAnotherGroup(t *testing.T) {
	needV2(t)
	dir := tree(t)
	group := delegatedGroup(t)
	before := groupState(t, group)
	inside := func(more string) []string {
		return []string{"sh", "-ec", "echo 0 >" + group + "/cgroup.procs; " + more + ` exec unshare -C -m sh -ec 'umount -l /sys/fs/cgroup; mount -t cgroup2 c /sys/fs/cgroup; exec "$0" "$@"' "$0" "$@"`}
	}
	r := job{before: inside(""), args: []string{"--memory=40M", "-m", dir, "--", "cat", "/proc/self/cgroup", "/sys/fs/cgroup/memory.max"}}.run(t)
	if r.status != 0 || r.out != "0::/\n41943040\n" {
		t.Error(r)
	}
	if after := groupState(t, group); after != before {
		t.Errorf("the group was %s and has become %s", before, after)
	}
	r = job{before: inside("sleep 2 &"), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t)
	refused(t, r, "there is no usable control group", "contains other processes", "sleep", "--no-cgroup")
	readOnly := []string{"sh", "-ec", "echo 0 >" + group + `/cgroup.procs; exec unshare -C -m sh -ec 'umount -l /sys/fs/cgroup; mount -t cgroup2 -o ro c /sys/fs/cgroup; exec "$0" "$@"' "$0" "$@"`}
	refused(t, job{before: readOnly, args: []string{"-m", dir, "--", "echo", "ran"}}.run(t), "no usable control group", "read-only", "--no-cgroup")
}

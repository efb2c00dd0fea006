// Resource groups of version 2 on an otherwise idle machine: the limits hold, and none is left out
// without a message.
package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMemoryMaxEndsTheContainer checks that running out of memory ends the whole container
// (memory.oom.group), including the shell, and that the report says so.
func TestMemoryMaxEndsTheContainer(t *testing.T) {
	script := "sleep 1000 & sleep 1000 & dd if=/dev/zero of=/tmp/big bs=1M count=200 2>/dev/null; echo survived"
	for _, init := range []string{"--init", "--no-init"} {
		r, s := runStats(t, in(script, init, "--memory=32M")...)
		if r.status != 137 || r.out != "" || !strings.Contains(r.err, "tincan: out of memory: ") || !strings.Contains(r.err, "32MiB; --memory raises it") {
			t.Errorf("%s: %v", init, r)
		}
		if !s.OOMKilled || s.Status != 137 || s.Signal == nil || *s.Signal != "SIGKILL" || s.Limits.Memory == nil || *s.Limits.Memory < 1 {
			t.Errorf("%s: %+v", init, s)
		}
	}
	if r, s := runStats(t, in(strings.Replace(script, "count=200", "count=20", 1), "--memory=64M")...); r.out != "survived\n" || s.OOMKilled {
		t.Errorf("with enough memory: %v %+v", r, s)
	}
}

// TestPidsMax checks --pids.
func TestPidsMax(t *testing.T) {
	r, s := runStats(t, in("n=0; while [ $n -lt 30 ]; do sleep 2 & n=$((n+1)); done; echo all", "--pids=10")...)
	if !strings.Contains(r.err, "Resource temporarily unavailable") || !strings.Contains(r.err, "limit of 10; --pids raises it") || s.Limits.Pids == nil || *s.Limits.Pids < 1 {
		t.Errorf("%v %+v", r, s)
	}
}

// TestCPUMax allows a fifth of a processor. The kernel must throttle, and the time used must be in
// proportion.
func TestCPUMax(t *testing.T) {
	w := start(t, "while :; do :; done", "--cpus=0.2")
	before, began := key(t, w.file("cpu.stat"), "usage_usec"), time.Now()
	time.Sleep(3 * time.Second)
	stat := w.file("cpu.stat")
	used, took := key(t, stat, "usage_usec")-before, time.Since(began)
	if key(t, stat, "nr_throttled") == 0 {
		t.Errorf("never throttled: %s", stat)
	}
	if limit := took.Microseconds()/5 + 100_000; used > limit { // and one period more
		t.Errorf("used %d us in %v, more than %d", used, took, limit)
	}
	if w.file("cpu.max") != "20000 100000" {
		t.Errorf("cpu.max: %s", w.file("cpu.max"))
	}
}

// TestWeights checks the weights in the group's files.
func TestWeights(t *testing.T) {
	for _, c := range []struct {
		flags   []string
		cpu, io string
	}{
		{nil, "25", "default 10"},
		{[]string{"--cpu-weight=300", "--io-weight=500"}, "300", "default 500"},
	} {
		w := start(t, "cat /proc/self/cgroup; sleep 1000", c.flags...)
		if got := w.file("cpu.weight"); got != c.cpu {
			t.Errorf("%q: cpu.weight is %s, want %s", c.flags, got, c.cpu)
		}
		if got := w.file("io.weight"); got != c.io {
			t.Errorf("%q: io.weight is %s, want %s", c.flags, got, c.io)
		}
		w.end(unix.SIGTERM)
	}
}

// TestIOMax sets a disk limit on the group, which must hold for what the container writes.
func TestIOMax(t *testing.T) {
	disk := mountDisk(t)
	dir := filepath.Join(disk, "io")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o777)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	const size, rate = 3 << 20, 1 << 20
	script := fmt.Sprintf("until [ -e /io/go ]; do sleep 0.05; done; dd if=/dev/zero of=/io/f bs=64k count=%d oflag=direct 2>/dev/null; touch /io/done; sleep 1000", size>>16)
	w := start(t, script, "-a", dir+":/io")
	write(t, filepath.Join(w.group, "io.max"), fmt.Sprintf("%d:%d wbps=%d", unix.Major(st.Dev), unix.Minor(st.Dev), rate))
	began := time.Now()
	write(t, filepath.Join(dir, "go"), "")
	eventually(t, "the container has written its file", func() bool { return exists(filepath.Join(dir, "done")) })
	if took := time.Since(began); took < (size/rate-1)*time.Second {
		t.Errorf("%d bytes in %v at %d bytes a second", size, took, rate)
	}
	stat := w.file("io.stat")
	if !strings.Contains(stat, fmt.Sprintf("%d:%d ", unix.Major(st.Dev), unix.Minor(st.Dev))) {
		t.Errorf("the group's io.stat does not show the disk: %q", stat)
	}
}

// mountDisk mounts the machine's disk during the test.
func mountDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	os.Chmod(filepath.Dir(dir), 0o755)
	os.Chmod(dir, 0o755)
	if err := unix.Mount("/dev/vda", dir, "ext4", 0, ""); err != nil {
		t.Fatalf("mount /dev/vda: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestCgroupNamespace checks that the container sees its own group as the top, read-only.
func TestCgroupNamespace(t *testing.T) {
	for _, init := range []string{"--init", "--no-init"} {
		r := run(t, in("cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max; mkdir /sys/fs/cgroup/x || echo max >/sys/fs/cgroup/pids.max || echo read-only", init, "--memory=50M")...)
		if r.status != 0 || r.out != "0::/\n52428800\nread-only\n" {
			t.Errorf("%s: %v", init, r)
		}
	}
}

// groupNames returns all groups directly below the top.
func groupNames(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(groups + "/*/cgroup.procs") // each group has one
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestGroupGone checks that the group is removed at the end or, after a SIGKILL of the launcher, by
// the next run.
func TestGroupGone(t *testing.T) {
	before := groupNames(t)
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		w := start(t, "sleep 1000 & sleep 1000")
		if !exists(w.group) {
			t.Fatal("no group")
		}
		pids := strings.Fields(w.file("cgroup.procs"))
		w.end(s)
		eventually(t, "the container's processes are gone", func() bool {
			return !slices.ContainsFunc(pids, func(p string) bool { return exists("/proc/" + p) })
		})
		if s == unix.SIGKILL {
			run(t, in("true")...)
		}
		if after := groupNames(t); !slices.Equal(after, before) {
			t.Errorf("after signal %d: %q, before: %q", s, after, before)
		}
	}
}

// TestNestedRun runs tincan inside a container of tincan's. It must run with its limits, or not at
// all.
func TestNestedRun(t *testing.T) {
	inner := "/tincan run --memory=16M -m /inner -- cat /sys/fs/cgroup/memory.max"
	for _, flags := range [][]string{
		nil,
		{"--cap-add=ALL", "--seccomp=none"},
		{"--cap-add=ALL", "--seccomp=none", "--map=0:0:100000"},
	} {
		flags = append(flags, "-a", tincanBin+":/tincan:ro", "-a", root+":/inner")
		r := run(t, in(inner, flags...)...)
		if r.status == 0 && r.out == "16777216\n" {
			t.Logf("%q: works", flags)
			continue
		}
		refused(t, r)
	}
	// As in other containers: a group that is the top of its namespace, has processes in it, and is
	// writable.
	outer := filepath.Join(groups, "outer")
	if err := os.Mkdir(outer, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(outer)
	script := `echo $$ >` + outer + `/cgroup.procs; exec unshare -C -m sh -c 'umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && "$@"' x "$@"`
	r := runLine(t, "sh", "-c", script, "x", tincanBin, "run", "--memory=16M", "-m", root, "--", "cat", "/sys/fs/cgroup/memory.max")
	if r.status == 0 && r.out == "16777216\n" {
		t.Log("a group with processes in it: works")
	} else {
		refused(t, r, "no internal processes", "--no-cgroup")
	}
	r = runLine(t, "sh", "-c", script, "x", tincanBin, "run", "--no-cgroup", "-m", root, "--", "echo", "ran")
	if r.status != 0 || r.out != "ran\n" {
		t.Errorf("--no-cgroup: %v", r)
	}
}

// Limits: they are set, they hold, and tincan reports those that were hit.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMemoryLimit checks --memory.
func TestMemoryLimit(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	for _, init := range []string{"--init", "--no-init"} {
		r, s := withStats(t, append([]string{init, "--memory=48M", "-m", dir}, probe("alloc", "400")...)...)
		if r.status != 137 || r.out != "" || !strings.Contains(r.err, "tincan: out of memory: ") || !strings.Contains(r.err, "48MiB; --memory raises it") {
			t.Errorf("%s: %v", init, r)
		}
		if !*s.OOMKilled || s.Limits.Memory == nil || *s.Limits.Memory < 1 || s.Signal == nil || *s.Signal != "SIGKILL" || *s.Memory < 40<<20 || *s.Memory > 49<<20 {
			t.Errorf("%s: %+v", init, s)
		}
	}
	r, s := withStats(t, append([]string{"--memory=600M", "-m", dir}, probe("alloc", "400")...)...)
	if r.status != 0 || r.out != "allocated\n" || r.err != "" || *s.OOMKilled || *s.Limits.Memory != 0 || *s.Memory < 400<<20 {
		t.Errorf("with enough memory: %v %+v", r, s)
	}
	// SIGKILL for another reason is not reported as out of memory.
	r, s = withStats(t, "--memory=48M", "-m", dir, "--", "sh", "-c", "kill -9 $$")
	if r.status != 137 || r.err != "" || *s.OOMKilled {
		t.Errorf("kill -9: %v %+v", r, s)
	}
	// The content of a tmpfs counts as memory.
	r = tincan(t, "--memory=48M", "-m", dir, "--", "dd", "if=/dev/zero", "of=/tmp/big", "bs=1M", "count=400")
	if r.status == 0 || !strings.Contains(r.err, "tincan: out of memory: ") {
		t.Errorf("a full /tmp: %v", r)
	}
}

// TestPidsLimit checks --pids.
func TestPidsLimit(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	script := "n=0; while [ $n -lt 30 ]; do sleep 3 & n=$((n+1)); done; exit 0"
	r, s := withStats(t, "--pids=10", "-m", dir, "--", "sh", "-c", script)
	if !strings.Contains(r.err, "tincan: too many processes: ") || !strings.Contains(r.err, "limit of 10; --pids raises it") || s.Limits.Pids == nil || *s.Limits.Pids < 1 {
		t.Errorf("%v\n%+v", r, s)
	}
	if s.Pids != nil && *s.Pids != 10 {
		t.Errorf("pids peak %d, want 10", *s.Pids)
	}
	for _, pids := range []string{"40", "max"} {
		if r := tincan(t, "--pids="+pids, "-m", dir, "--", "sh", "-c", script); r.status != 0 || r.err != "" {
			t.Errorf("--pids=%s: %v", pids, r)
		}
	}
	// The processes of a fork bomb end with its shell.
	r = tincan(t, "--pids=20", "--timeout=5", "-m", dir, "--", "sh", "-c", "f() { f | f & }; f; sleep 0.3")
	if !strings.Contains(r.err, "--pids raises it") {
		t.Errorf("a fork bomb: %v", r)
	}
}

// TestGroupFiles reads the group's files from outside while the container runs.
func TestGroupFiles(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	type files map[string]string
	for _, c := range []struct {
		flags  string
		v1, v2 files
	}{
		{"", files{"memory/memory.limit_in_bytes": "1073741824", "memory/memory.memsw.limit_in_bytes": "1073741824", "pids/pids.max": "64", "cpu/cpu.shares": "256", "cpu/cpu.cfs_quota_us": "-1"},
			files{"unified/memory.max": "1073741824", "unified/memory.swap.max": "0", "unified/memory.oom.group": "1", "unified/pids.max": "64", "unified/cpu.weight": "25", "unified/cpu.max": "max 100000"}},
		{"--memory=512M --swap=64M --pids=7 --cpu-weight=100 --cpus=0.5",
			files{"memory/memory.limit_in_bytes": "536870912", "memory/memory.memsw.limit_in_bytes": "603979776", "pids/pids.max": "7", "cpu/cpu.shares": "1024", "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
			files{"unified/memory.max": "536870912", "unified/memory.swap.max": "67108864", "unified/pids.max": "7", "unified/cpu.weight": "100", "unified/cpu.max": "50000 100000"}},
		{"--memory=max --swap=max --pids=max --cpus=max --cpu-weight=10000",
			files{"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.memsw.limit_in_bytes": "9223372036854771712", "pids/pids.max": "max", "cpu/cpu.shares": "102400", "cpu/cpu.cfs_quota_us": "-1"},
			files{"unified/memory.max": "max", "unified/memory.swap.max": "max", "unified/pids.max": "max", "unified/cpu.weight": "10000", "unified/cpu.max": "max 100000"}},
		{"--cpus=1.25 --cpu-weight=1", files{"cpu/cpu.cfs_quota_us": "125000", "cpu/cpu.shares": "10"}, files{"unified/cpu.max": "125000 100000", "unified/cpu.weight": "1"}},
	} {
		want := c.v1
		if onV2() {
			want = c.v2
		}
		withGroup(t, strings.Fields(c.flags), dir, func(file func(string) string) {
			for name, v := range want {
				if got := file(name); got != v {
					t.Errorf("%q: %s is %s, want %s", c.flags, name, got, v)
				}
			}
			// The init and the command are in the group, the launcher is not.
			procs := strings.Fields(file(map[bool]string{true: "unified", false: "pids"}[onV2()] + "/cgroup.procs"))
			if len(procs) != 2 {
				t.Errorf("%q: processes in the group: %q", c.flags, procs)
			}
		})
	}
}

// TestIOWeight checks --io-weight, which not every kernel supports.
func TestIOWeight(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	r := tincan(t, "--io-weight=50", "-m", dir, "--", "true")
	if r.status == 0 {
		return // this kernel has weights: otherwise this would be an error
	}
	refused(t, r, "--io-weight", "weight", "bfq")
	if r := tincan(t, "-d", "-m", dir, "--", "true"); !strings.Contains(r.err, "--io-weight: the default 10 is not set") {
		t.Errorf("-d does not say that the default is not set: %v", r)
	}
}

// TestGroupNameTaken checks that tincan uses another name if a group exists, and leaves that group
// alone.
func TestGroupNameTaken(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	name := uniqueName()
	parents := groupParents()
	taken := filepath.Join(parents["pids"], name)
	if onV2() {
		taken = filepath.Join(v2Top(), name)
	}
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(taken)
	noLeaks(t, dir)
	j := start(t, job{args: []string{"--hostname=" + name, "-m", dir, "--", "sh", "-c", "hostname; cat"}})
	j.waitFor(name)
	if got := groupNames(name + "."); len(got) != 1 || filepath.Base(got[0]) != name+".2" {
		t.Errorf("groups: %q, want %s.2", got, name)
	}
	j.closeInput()
	if r := j.wait(); r.status != 0 {
		t.Error(r)
	}
	if !exists(taken) {
		t.Error("the other group was removed")
	}
}

// TestNoCgroup checks --no-cgroup.
func TestNoCgroup(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	name := uniqueName()
	j := start(t, job{args: []string{"--no-cgroup", "--hostname=" + name, "-m", dir, "--", "sh", "-c", "cat /proc/self/cgroup; echo ready; cat"}})
	j.waitFor("ready")
	if got := groupNames(name); len(got) != 0 {
		t.Errorf("a group was made: %q", got)
	}
	j.closeInput()
	if r := j.wait(); r.status != 0 || r.err != "" {
		t.Error(r)
	}
}

// TestRlimits sets all sixteen limits of setrlimit(2), and reads them from /proc.
func TestRlimits(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	limits := []struct{ name, row, soft, hard string }{
		{"cpu", "Max cpu time", "100", "200"}, {"fsize", "Max file size", "1048576", "2097152"},
		{"data", "Max data size", "104857600", "209715200"}, {"stack", "Max stack size", "1048576", "8388608"},
		{"core", "Max core file size", "0", "0"}, {"rss", "Max resident set", "1048576", "1048577"},
		{"nproc", "Max processes", "50", "60"}, {"nofile", "Max open files", "20", "30"},
		{"memlock", "Max locked memory", "4096", "8192"}, {"as", "Max address space", "1073741824", "1073741825"},
		{"locks", "Max file locks", "7", "8"}, {"sigpending", "Max pending signals", "9", "10"},
		{"msgqueue", "Max msgqueue size", "11", "12"}, {"nice", "Max nice priority", "0", "0"},
		{"rtprio", "Max realtime priority", "0", "0"}, {"rttime", "Max realtime timeout", "13", "14"},
	}
	if len(limits) != 16 {
		t.Fatal("want sixteen limits")
	}
	args := []string{"-m", dir}
	for _, l := range limits {
		args = append(args, fmt.Sprintf("--rlimit=%s=%s:%s", l.name, l.soft, l.hard))
	}
	got := ok(t, append(args, "--", "cat", "/proc/self/limits")...)
	for _, l := range limits {
		f := strings.Fields(strings.TrimPrefix(line(got, l.row), l.row))
		if len(f) < 2 || f[0] != l.soft || f[1] != l.hard {
			t.Errorf("%s: %q, want %s %s", l.name, f, l.soft, l.hard)
		}
	}
	// Two of them are hit.
	r := tincan(t, "-m", dir, "--rlimit=fsize=1000", "--", "sh", "-c", "dd if=/dev/zero of=/tmp/f bs=2000 count=1 2>/dev/null; wc -c </tmp/f")
	if strings.TrimSpace(r.out) != "1000" {
		t.Errorf("fsize: %v", r)
	}
	if r := tincan(t, "-m", dir, "--rlimit=cpu=1", "--", "sh", "-c", "while :; do :; done"); r.status != 128+9 && r.status != 128+24 {
		t.Errorf("cpu: %v", r)
	}
}

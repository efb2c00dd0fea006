// The duties of a machine's PID 1: what it mounts, reaps, and keeps.
package guest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMachineIsSetUp checks the mounts, the controllers, the links of /dev, and the loopback.
func TestMachineIsSetUp(t *testing.T) {
	for dir, magic := range map[string]int64{
		"/proc": unix.PROC_SUPER_MAGIC, "/sys": unix.SYSFS_MAGIC, "/dev": unix.TMPFS_MAGIC, // devtmpfs is a tmpfs
		"/dev/pts": unix.DEVPTS_SUPER_MAGIC, "/dev/shm": unix.TMPFS_MAGIC, "/tmp": unix.TMPFS_MAGIC, "/run": unix.TMPFS_MAGIC,
		"/sys/fs/cgroup": unix.CGROUP2_SUPER_MAGIC, "/sys/kernel/security": unix.SECURITYFS_MAGIC,
	} {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil || st.Type != magic {
			t.Errorf("%s: type %x, want %x (%v)", dir, st.Type, magic, err)
		}
	}
	have, on := strings.Fields(read(t, groups+"/cgroup.controllers")), strings.Fields(read(t, groups+"/cgroup.subtree_control"))
	if len(have) < 5 || !slices.Equal(have, on) {
		t.Errorf("controllers: %q, enabled: %q", have, on)
	}
	for _, link := range []string{"fd", "stdin", "stdout", "stderr"} {
		if _, err := os.Stat("/dev/" + link); err != nil {
			t.Error(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the loopback: %v", err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("the loopback: %v", err)
	}
	c.Close()
	if cmdline := read(t, "/proc/1/cmdline"); cmdline == "" || !strings.Contains(read(t, "/proc/1/status"), "PPid:\t0") {
		t.Errorf("PID 1: %q", cmdline)
	}
}

// zombies returns the processes that have ended and were not waited for.
func zombies(t *testing.T) (out []string) {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, f := range files {
		if b, _ := os.ReadFile(f); strings.Contains(string(b), "State:\tZ") {
			out = append(out, filepath.Dir(f))
		}
	}
	return out
}

// TestOrphansReaped makes a thousand orphans, which PID 1 must reap.
func TestOrphansReaped(t *testing.T) {
	before := key(t, read(t, "/proc/stat"), "processes")
	out, err := exec.Command("sh", "-c", "i=0; while [ $i -lt 1000 ]; do (true &); i=$((i+1)); done").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := key(t, read(t, "/proc/stat"), "processes") - before; n < 2000 {
		t.Errorf("only %d processes were made", n)
	}
	eventually(t, "no zombie is left", func() bool { return len(zombies(t)) == 0 })
}

// TestTwoHundredContainers checks that neither PID 1 nor the kernel's memory grows with two hundred
// containers.
func TestTwoHundredContainers(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 40
	}
	// Measure the kernel's used memory. Free memory would not do: each processor keeps some tens of
	// MiB of free pages, which MemFree does not include.
	measure := func() (pid1, used int64) {
		unix.Sync()
		write(t, "/proc/sys/vm/drop_caches", "3") // caches that the kernel may keep
		info := read(t, "/proc/meminfo")
		for _, k := range []string{"Slab", "KernelStack", "PageTables", "Percpu", "Shmem", "VmallocUsed"} {
			used += key(t, info, k)
		}
		return key(t, read(t, "/proc/1/status"), "VmRSS"), used
	}
	runs := func(n int) {
		for i := range n {
			if r := run(t, in("cat /etc/mine", "--memory=64M")...); r.out != "the user's own\n" {
				t.Fatalf("container %d: %v", i, r)
			}
		}
	}
	runs(20) // some memory is allocated once and kept
	rss, used := measure()
	groupsBefore := groupNames(t)
	runs(n)
	// The memory of a removed group is freed a moment later, in the background.
	const slack, per = 1 << 10, 8 // in KiB: in total, and for each container half of a process's kernel stack
	var rss2, used2 int64
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if rss2, used2 = measure(); used2-used < int64(slack+per*n) {
			break
		}
		if time.Now().After(end) {
			t.Errorf("the kernel lost %d KiB for each container: %s", (used2-used)/int64(n), read(t, "/proc/meminfo"))
			break
		}
	}
	t.Logf("%d containers: PID 1 %d KiB, then %d; the kernel %d KiB, then %d", n, rss, rss2, used, used2)
	if rss2 > rss+512 {
		t.Errorf("PID 1 has grown from %d to %d KiB", rss, rss2)
	}
	if now := groupNames(t); !slices.Equal(now, groupsBefore) {
		t.Errorf("groups: %q, before: %q", now, groupsBefore)
	}
}

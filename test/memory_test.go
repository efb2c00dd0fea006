package test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// plain reports whether the program under test is one without the entry before Go's runtime:
// it does the same, with more memory and more threads.
func plain() bool { return os.Getenv("TINCAN_TEST_PLAIN") != "" }

// TestFaults: a run touches few pages. It is counted and not timed: the number hardly varies.
func TestFaults(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	if plain() {
		t.Skip("the program without the entry")
	}
	least := int64(1 << 30)
	for range 5 {
		c := exec.Command(tincanBin, "-m", dir, "--", "/bin/true")
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		least = min(least, c.ProcessState.SysUsage().(*syscall.Rusage).Minflt)
	}
	t.Logf("%d page faults, with those of the command", least)
	if least > 130 {
		t.Errorf("%d page faults, and 130 is the most", least)
	}
}

// TestMemoryWhileWaiting: a container whose command sleeps costs little: the launcher has one
// thread, and what it and the init hold for themselves is at most 400 KiB (proc(5),
// smaps_rollup).
func TestMemoryWhileWaiting(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	mark := fmt.Sprintf("8%d.5", os.Getpid()) // the sleep's argument, by which it is known
	c := exec.Command(tincanBin, "-m", dir, "--", "sleep", mark)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Signal(unix.SIGTERM)
	eventually(t, "the command sleeps", func() bool { return sleeping(mark) > 0 })
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", c.Process.Pid))
	inits := strings.Fields(string(b))
	for range 100 { // of another thread, perhaps
		if len(inits) > 0 || err != nil {
			break
		}
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.Process.Pid))
		for _, thread := range threads {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", c.Process.Pid, thread.Name()))
			inits = append(inits, strings.Fields(string(b))...)
		}
	}
	if err != nil || len(inits) != 1 {
		t.Fatalf("the launcher's children: %q, %v", inits, err)
	}
	most := 400 // KiB
	if threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.Process.Pid)); plain() {
		most = 8 << 10
	} else if len(threads) != 1 {
		t.Errorf("the launcher has %d threads", len(threads))
	}
	last := 0
	eventually(t, fmt.Sprintf("launcher and init hold at most %d KiB for themselves", most), func() bool {
		last = private(t, strconv.Itoa(c.Process.Pid)) + private(t, inits[0])
		return last <= most
	})
	t.Logf("%d KiB", last)
}

// private is how much memory is the process's alone, in KiB.
func private(t *testing.T, pid string) int {
	sum := 0
	for line := range strings.SplitSeq(read(t, "/proc/"+pid+"/smaps_rollup"), "\n") {
		if f := strings.Fields(line); len(f) == 3 && (f[0] == "Private_Clean:" || f[0] == "Private_Dirty:") {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}

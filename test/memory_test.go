// How much memory a run needs.
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

// plain reports whether the program under test was built without the entry point before Go's
// runtime. It does the same, with more memory and more threads.
func plain() bool { return os.Getenv("TINCAN_TEST_PLAIN") != "" }

// TestFaults checks that a run touches few pages. It counts instead of timing, because the number
// hardly varies.
func TestFaults(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	if plain() {
		t.Skip("the program was built without the entry point")
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
		t.Errorf("%d page faults, want at most 130", least)
	}
}

// TestMemoryWhileWaiting checks that a container whose command sleeps needs little memory: the
// launcher has one thread, and the launcher and the init have at most 400 KiB of their own
// (proc(5), smaps_rollup).
func TestMemoryWhileWaiting(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	mark := fmt.Sprintf("8%d.5", os.Getpid()) // the argument by which the test finds the command
	c := exec.Command(tincanBin, "-m", dir, "--", "sleep", mark)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Signal(unix.SIGTERM)
	eventually(t, "the command sleeps", func() bool { return sleeping(mark) > 0 })
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", c.Process.Pid))
	inits := strings.Fields(string(b))
	for range 100 { // another thread may be their parent
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
	eventually(t, fmt.Sprintf("the launcher and the init have at most %d KiB of their own", most), func() bool {
		last = private(t, strconv.Itoa(c.Process.Pid)) + private(t, inits[0])
		return last <= most
	})
	t.Logf("%d KiB", last)
}

// private returns how much memory only this process uses, in KiB.
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

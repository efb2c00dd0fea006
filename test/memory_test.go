package test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMemoryWhileWaiting: a container whose command sleeps costs little: what the launcher
// and the init hold for themselves is at most 2 MiB (proc(5), smaps_rollup), once the
// launcher has settled for a long wait.
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
	const most = 2 << 10 // KiB
	last := 0
	eventually(t, "launcher and init hold at most 2 MiB for themselves", func() bool {
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

// Many runs: one after the other, at the same time, and killed at a random moment.
package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestThousandRuns runs a thousand containers one after the other, in a root directory without
// mount points.
func TestThousandRuns(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	n := 1000
	if testing.Short() {
		n = 50
	}
	for i := range n {
		if r := tincan(t, "-m", dir, "-a", dir+"/etc:/some/where", "--", "cat", "/some/where/mine"); r.status != 0 || r.out != "the user's own\n" || r.err != "" {
			t.Fatalf("run %d: %v", i, r)
		}
	}
	t.Logf("%d runs", n)
}

// TestFiftyAtATime runs fifty containers at a time in the same root directory. If a run removed a
// mount point too early, the mounts of the others would go too (ledger.go).
func TestFiftyAtATime(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for k := range rounds {
				nap := fmt.Sprintf("%.3f", rand.Float64()/10)
				r := tincan(t, "-m", dir, "-a", dir+"/etc:/some/where", "--", "sh", "-c",
					"cat /some/where/mine; sleep "+nap+"; test -e /proc/self/stat && test -c /dev/null && touch /tmp/x && cat /some/where/mine")
				if r.status != 0 || r.out != "the user's own\nthe user's own\n" || r.err != "" {
					t.Errorf("run %d.%d: %v", i, k, r)
				}
			}
		})
	}
	wg.Wait()
}

// TestLauncherKilled kills launchers at a random moment. The container's processes must end at
// once, and later runs must remove what is left, each a bounded number of notes (mostNotes in
// ledger.go).
func TestLauncherKilled(t *testing.T) {
	dir := tree(t)
	// The last runs are not killed. They clean up before noLeaks checks.
	noLeaks(t, dir)
	n := 120
	if testing.Short() {
		n = 24
	}
	mark := fmt.Sprintf("9%d.25", os.Getpid()) // the argument by which the test finds the command
	ran := 0
	start := time.Now()
	ok(t, "-m", dir, "--", "true")
	usual := time.Since(start)
	for i := range n {
		flag := []string{"--init", "--no-init"}[i%2]
		c := exec.Command(tincanBin, flag, "-m", dir, "-a", dir+"/etc:/some/where", "--", "sleep", mark)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(2 * usual))))
		if sleeping(mark) > 0 {
			ran++
		}
		c.Process.Kill()
		c.Wait()
		eventually(t, "the container's processes end with the launcher", func() bool { return sleeping(mark) == 0 })
	}
	t.Logf("%d killed, %d of them with the command running", n, ran)
	if ran == 0 || ran == n {
		t.Log("all were killed at the same stage: the moments are not random enough")
	}
	time.Sleep(200 * time.Millisecond) // the machine's PID 1 has to reap the last processes
	for range n/4 + 2 {                // each run removes up to mostNotes notes
		if got := ok(t, "-m", dir, "--", "cat", "/etc/mine"); got != "the user's own" {
			t.Error(got)
		}
	}
}

// sleeping returns the number of sleep processes with this argument.
func sleeping(mark string) int {
	n := 0
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, e := range entries {
		if b, _ := os.ReadFile(e); strings.HasPrefix(string(b), "sleep\x00"+mark+"\x00") {
			n++
		}
	}
	return n
}

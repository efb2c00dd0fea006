// Root directories that are made to do harm.
package test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostileNames are names that a container uses itself, and odd names.
var hostileNames = []string{"proc", "sys", "dev", "tmp", "etc", "bin", "d", "e", "null", "shm", "pts", "mqueue", "console", "self", "fd",
	"a\nb", "\x1b[2J", "-rf", "..x", "ü", strings.Repeat("n", 200), " ", "tab\there", `back\slash`}

// growHostile fills a directory with files of every kind. Symlinks lead to canary, a directory of
// the host. Failures are ignored, because a name may exist already.
func growHostile(r *rand.Rand, dir, canary string, depth int) {
	for range 1 + r.IntN(6) {
		name := filepath.Join(dir, hostileNames[r.IntN(len(hostileNames))])
		switch r.IntN(12) {
		case 0, 1, 2:
			err := os.Mkdir(name, []os.FileMode{0o755, 0o755, 0o755, 0, 0o111, 0o777}[r.IntN(6)])
			if err == nil && depth > 0 { // never through a symlink
				growHostile(r, name, canary, depth-1)
			}
		case 3:
			if f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, []os.FileMode{0o644, 0, 0o755}[r.IntN(3)]); err == nil { // never into a FIFO
				f.WriteString("x")
				f.Close()
			}
		case 4:
			os.Symlink(canary, name)
		case 5:
			os.Symlink([]string{"/", "..", "../../../../../../../..", "/proc/self/root" + canary, "/proc/1/cwd", "/proc/self/fd/3"}[r.IntN(6)], name)
		case 6: // a loop, or a chain
			os.Symlink(hostileNames[r.IntN(len(hostileNames))], name)
		case 7:
			unix.Mkfifo(name, 0o666)
		case 8:
			if l, err := net.Listen("unix", name); err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				l.Close()
			}
		case 9:
			unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(uint32(r.IntN(3)), uint32(r.IntN(9)))))
		case 10:
			unix.Mknod(name, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0)))
		case 11:
			os.Link("/proc/self/exe", name)
		}
	}
}

// TestHostileTrees tries two thousand random directories. Each run must end properly, in time, and
// nothing of the host may change.
func TestHostileTrees(t *testing.T) {
	good := tree(t)
	canary := filepath.Join(t.TempDir(), "canary")
	for _, d := range []string{"", "proc", "sys", "dev", "tmp", "etc", "d"} {
		mkdir(t, filepath.Join(canary, d))
		write(t, filepath.Join(canary, d, "file"), "the host's "+d)
	}
	n := 4 * races()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d trees", seed, n)
	r := rand.New(rand.NewPCG(seed, 0))
	noLeaks(t, canary)
	ended := map[int]int{}
	for i := range n {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("tree", i%50))
		os.RemoveAll(dir)
		mkdir(t, filepath.Join(dir, "bin"))
		os.Link(filepath.Join(good, "bin/busybox"), filepath.Join(dir, "bin/true"))
		growHostile(r, dir, canary, 2)
		args := []string{"-m", dir}
		place := func() string {
			var parts []string
			for range 1 + r.IntN(3) {
				parts = append(parts, hostileNames[r.IntN(len(hostileNames))])
			}
			return "/" + strings.ReplaceAll(strings.Join(parts, "/"), ":", "")
		}
		if r.IntN(2) == 0 {
			args = append(args, "-a", canary+":"+place()+":ro")
		}
		if r.IntN(3) == 0 {
			args = append(args, "--tmpfs="+place())
		}
		if r.IntN(3) == 0 {
			args = append(args, "--ro")
		}
		if r.IntN(8) == 0 {
			args = append(args, "-w", place())
		}
		got := job{args: append(args, "--", "/bin/true"), within: 30 * time.Second}.run(t)
		ended[got.status]++
		if !slices.Contains([]int{0, 125, 126, 127}, got.status) || got.signal != 0 || got.status == 0 && got.err != "" || got.status != 0 && got.err == "" {
			t.Errorf("tree %d: %q: %v", i, args, got)
		}
		if strings.ContainsAny(got.err, "\x1b\x07") {
			t.Errorf("tree %d: %q", i, got.err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("statuses: %v", ended)
	if n >= 100 && (ended[0] == 0 || ended[125] == 0) {
		t.Error("all runs ended alike, so this test shows nothing")
	}
}

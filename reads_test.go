// Reading files and sorting before Go's runtime, and two checks of what other users control.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReadMost checks that a file which is larger than allowed is not read to its end.
func TestReadMost(t *testing.T) {
	for n, want := range map[int]error{0: nil, 4999: nil, 5000: nil, 5001: unix.EFBIG, 100000: unix.EFBIG} {
		file := filepath.Join(t.TempDir(), "file")
		os.WriteFile(file, make([]byte, n), 0o600)
		fd, _ := sysOpen(file, unix.O_RDONLY, 0)
		s, e := readMost(fd, 5000)
		if at, _ := sysLseek(fd, 0, 1); want != nil && (e != want || at > 5001) || want == nil && (e != 0 || len(s) != n) {
			t.Errorf("a file of %d bytes: got %d bytes, %v, after reading %d", n, len(s), e, at)
		}
		sysClose(fd)
	}
}

// TestSortStrings checks that sorting works, and is quick for many strings in reverse order.
func TestSortStrings(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 10, 100, 100000} {
		var v []string
		for i := range n {
			v = append(v, fmt.Sprintf("%06d", n-i))
		}
		start := time.Now()
		if sortStrings(v); !slices.IsSorted(v) || time.Since(start) > 2*time.Second {
			t.Errorf("%d strings: sorted is %v, after %v", n, slices.IsSorted(v), time.Since(start))
		}
	}
}

// TestOpenInsideRegular checks that the launcher opens only regular files for reading, and no
// symlink that has replaced an added path.
func TestOpenInsideRegular(t *testing.T) {
	dir := t.TempDir()
	dir, _ = filepath.EvalSymlinks(dir)
	os.WriteFile(dir+"/file", nil, 0o600)
	os.Symlink("file", dir+"/link")
	unix.Mkfifo(dir+"/fifo", 0o600)
	for name, want := range map[string]error{"file": nil, "link": unix.ELOOP, "fifo": unix.EACCES, ".": unix.EACCES} {
		c := &config{workdir: "/", adds: []addedPath{{mountPoint: mountPoint{target: "/x"}, source: dir + "/" + name}}}
		fd, e := c.openInside("/x", unix.O_RDONLY)
		if want == nil && e != 0 || want != nil && e != want {
			t.Errorf("%s: %v", name, e)
		}
		if e == 0 {
			sysClose(fd)
		}
	}
}

// TestSetIDCallModes checks that a filter is found out which refuses the usual way to write a
// set-id mode but allows another way.
func TestSetIDCallModes(t *testing.T) {
	for mode, want := range map[uint32]bool{unix.S_ISUID | 0o755: true, unix.S_IFREG | unix.S_ISUID | 0o755: true, 1<<16 | unix.S_ISUID | 0o755: true, 0o755: false} {
		program := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 24}, // the low half of args[1]
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: mode, Jt: 0, Jf: 1},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | 1},
		}
		if got := setIDCall(program); (got != "") != want {
			t.Errorf("%#o: %q", mode, got)
		}
	}
}

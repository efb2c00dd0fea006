package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A watcher that does not read must not switch off the deadline. Before the command has run, it is
// an error, afterwards a note.
func TestHole29WatcherThatDoesNotRead(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	full := func() (r, w *os.File) {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		unix.SetNonblock(p[1], true)
		for err := error(nil); err == nil; {
			_, err = unix.Write(p[1], make([]byte, 4096))
		}
		unix.SetNonblock(p[1], false)
		return os.NewFile(uintptr(p[0]), "r"), os.NewFile(uintptr(p[1]), "w")
	}
	run := func(fd string, w *os.File, args ...string) (status int, stderr string, took time.Duration) {
		c := exec.Command(tincanBin, forUser(append([]string{"--timeout=1s", "--status-fd=" + fd, "-m", dir}, args...))...)
		var errs bytes.Buffer
		c.Stdout, c.Stderr, c.ExtraFiles, c.WaitDelay = w, &errs, []*os.File{w}, time.Second
		start := time.Now()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(20*time.Second, func() { c.Process.Kill() })
		c.Wait()
		kill.Stop()
		return c.ProcessState.ExitCode(), errs.String(), time.Since(start)
	}
	mark := filepath.Join(publicDir(t, 0o755), "mark")
	os.WriteFile(mark, nil, 0o666)
	os.Chmod(mark, 0o666)
	touch := []string{"-a", mark + ":/tmp/mark", "--", "sh", "-c", "echo ran >/tmp/mark"}

	r, w := full()
	if status, stderr, took := run("3", w, touch...); status != 125 || took > 10*time.Second || !strings.Contains(stderr, "nobody reads from it") || read(t, mark) != "" {
		t.Errorf("full: status %d after %v, %q, mark %q", status, took, stderr, read(t, mark))
	}
	r.Close()
	os.WriteFile(mark, nil, 0o666)
	if status, stderr, _ := run("3", w, touch...); status != 125 || strings.Count(stderr, "the program that read from this pipe has ended") != 1 || read(t, mark) != "" {
		t.Errorf("gone: status %d, %q, mark %q", status, stderr, read(t, mark))
	}
	w.Close()

	// The command itself fills the pipe.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	status, stderr, took := run("1", w, "--", "sh", "-c", "trap '' TERM; cat /dev/zero & exec sleep 100")
	if status != 124 || took > 15*time.Second || !strings.Contains(stderr, "nobody reads from it") {
		t.Errorf("filled: status %d after %v, %q", status, took, stderr)
	}
}

// Package guest has the tests that need a whole machine. They run inside it, as children of tincan
// as PID 1, and change the machine as they like. Outside of such a machine they do nothing; `go
// test ./test/vm` boots one, and reports each of them by name.
package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Files that ../inside_test.go puts into the machine.
const (
	tincanBin = "/init"      // PID 1 and the launcher are one program
	root      = "/vm/rootfs" // a root directory with a static busybox
	probeBin  = "/vm/probe"  // ../../probe
	groups    = "/sys/fs/cgroup"
)

// TestMain runs the tests only inside a machine.
func TestMain(m *testing.M) {
	if _, err := os.Stat("/vm/jobs.json"); err != nil {
		fmt.Println("these tests run inside a virtual machine: go test ./test/vm")
		return
	}
	os.Exit(m.Run())
}

// result is how a run of tincan ended.
type result struct {
	status   int
	out, err string
}

// String describes the result, for error messages.
func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout: %q\nstderr: %s", r.status, r.out, r.err)
}

// run runs tincan to its end.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runLine(t, append([]string{tincanBin, "run"}, args...)...)
}

// runLine runs a command to its end.
func runLine(t *testing.T, line ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && (ctx.Err() != nil || !errors.As(err, &exit)) {
		t.Fatalf("%q: %v %v\nstdout: %s\nstderr: %s", line, err, ctx.Err(), &out, &errs)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// in returns the arguments that run a shell script in a container.
func in(script string, flags ...string) []string {
	return append(append([]string{"-m", root}, flags...), "--", "sh", "-c", script)
}

// refused requires status 125, nothing on standard output, and an error with these texts.
func refused(t *testing.T, r result, texts ...string) {
	t.Helper()
	if r.status != 125 || r.out != "" || !strings.HasPrefix(r.err, "tincan: ") {
		t.Errorf("not refused: %v", r)
	}
	for _, text := range texts {
		if !strings.Contains(r.err, text) {
			t.Errorf("stderr does not contain %q:\n%s", text, r.err)
		}
	}
}

// stats is the report of --stats.
type stats struct {
	Status    int
	Signal    *string
	OOMKilled bool                          `json:"oom_killed"`
	Limits    struct{ Memory, Pids *int64 } `json:"limits_hit"`
}

// runStats runs tincan with --stats, and returns the report too.
func runStats(t *testing.T, args ...string) (result, stats) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stats")
	r := run(t, append([]string{"--stats=" + file}, args...)...)
	var s stats
	if err := json.Unmarshal([]byte(read(t, file)), &s); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	return r, s
}

// waiting is a container that waits until the test ends it.
type waiting struct {
	t     *testing.T
	c     *exec.Cmd
	group string // its group's directory
}

// start runs a script in a container, and waits until the script has begun.
func start(t *testing.T, script string, flags ...string) *waiting {
	t.Helper()
	name := fmt.Sprintf("w%d", time.Now().UnixNano())
	c := exec.Command(tincanBin, append([]string{"run", "--hostname=" + name}, in("echo ready; "+script, flags...)...)...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w := &waiting{t, c, filepath.Join(groups, name)}
	t.Cleanup(func() { c.Process.Signal(unix.SIGKILL); c.Wait() })
	b := make([]byte, 6)
	if n, err := out.Read(b); err != nil || string(b[:n]) != "ready\n" {
		t.Fatalf("the container printed %q: %v", b[:n], err)
	}
	return w
}

// file returns the content of a file of the group.
func (w *waiting) file(name string) string {
	w.t.Helper()
	return strings.TrimSpace(read(w.t, filepath.Join(w.group, name)))
}

// end ends the container with a signal to the launcher, and waits.
func (w *waiting) end(s syscall.Signal) {
	w.c.Process.Signal(s)
	w.c.Wait()
}

// read returns the content of a file.
func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// write writes a file.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exists reports whether a file exists.
func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// key returns the number after a key in a flat-keyed file.
func key(t *testing.T, text, name string) int64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && strings.TrimSuffix(f[0], ":") == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", name, text)
	return 0
}

// eventually waits until another process or the kernel has done something.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("this did not happen within 20 seconds: %s", what)
		}
	}
}

// since reports whether the kernel is of that version or newer.
func since(t *testing.T, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); err != nil {
		t.Fatal(err)
	}
	return a > major || a == major && b >= minor
}

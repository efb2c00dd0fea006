// A run that the test controls while it goes on, and its resource group.
package test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// running is a run that goes on.
type running struct {
	t      *testing.T
	c      *exec.Cmd
	cancel func()
	in     io.WriteCloser
	out    *bufio.Reader
	all    bytes.Buffer // what was read from standard output
	errs   func() (string, error)
	began  time.Time
	ended  bool
}

// start starts a run. Its standard input is a pipe that stays open until closeInput.
func start(t *testing.T, j job) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	r := &running{t: t, c: j.command(ctx), cancel: cancel, began: time.Now()}
	var err error
	if r.in, err = r.c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := r.c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	r.errs = gather(t, &r.c.Stderr)
	if err := r.c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !r.ended {
			r.c.Process.Kill()
			r.wait()
		}
	})
	return r
}

// pid returns tincan's process id.
func (r *running) pid() int { return r.c.Process.Pid }

// waitFor reads lines of output until one is the text.
func (r *running) waitFor(text string) {
	r.t.Helper()
	for {
		l, err := r.out.ReadString('\n')
		r.all.WriteString(l)
		if strings.TrimSpace(l) == text {
			return
		}
		if err != nil {
			res := r.wait()
			r.t.Fatalf("tincan ended without the line %q: %v", text, res)
		}
	}
}

// readLine reads a line of output.
func (r *running) readLine() string {
	l, _ := r.out.ReadString('\n')
	r.all.WriteString(l)
	return l
}

// signal sends a signal to tincan.
func (r *running) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.c.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// closeInput ends the standard input.
func (r *running) closeInput() { r.in.Close() }

// wait waits until tincan ends.
func (r *running) wait() result {
	defer r.cancel()
	r.ended = true
	io.Copy(&r.all, r.out)
	err := r.c.Wait()
	res := result{out: r.all.String(), took: time.Since(r.began)}
	var held error
	res.err, held = r.errs()
	if err := errors.Join(res.setStatus(err), held); err != nil {
		r.t.Errorf("wait: %v", err)
	}
	return res
}

// names counts the names that uniqueName has returned.
var names atomic.Int32

// uniqueName returns a hostname that nothing else uses.
func uniqueName() string { return fmt.Sprintf("t%d-%d", os.Getpid(), names.Add(1)) }

// groupNames returns the groups whose name has the prefix, in the hierarchy of the memory
// controller.
func groupNames(prefix string) []string {
	dir := groupParents()["memory"]
	if onV2() {
		dir = v2Top()
	}
	found, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	return found
}

// withGroup runs a container, and gives check a function that reads a file of its group, for
// instance "memory/memory.limit_in_bytes" or "unified/memory.max".
func withGroup(t *testing.T, flags []string, dir string, check func(file func(string) string)) {
	t.Helper()
	name := uniqueName()
	args := append(append([]string{}, flags...), "--hostname="+name, "-m", dir, "--", "sh", "-c", "echo ready; cat")
	j := start(t, job{args: args})
	j.waitFor("ready")
	parents := groupParents()
	if onV2() {
		parents["unified"] = v2Top()
	}
	check(func(file string) string {
		controller, file, _ := strings.Cut(file, "/")
		return strings.TrimSpace(read(t, filepath.Join(parents[controller], name, file)))
	})
	j.closeInput()
	if r := j.wait(); r.status != 0 {
		t.Error(r)
	}
}

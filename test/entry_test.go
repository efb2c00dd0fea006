// The program with and without the entry point before Go's runtime: both must behave alike.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// bothBinaries returns two programs: one as make builds it, with the entry point before Go's
// runtime, and one as a plain go build makes it, without.
func bothBinaries(t *testing.T) (out [2]string) {
	t.Helper()
	needProgram(t, "go")
	dir := t.TempDir()
	for i, flags := range []string{"-E main.entry", ""} {
		out[i] = filepath.Join(dir, []string{"entry", "plain"}[i])
		build := exec.Command("go", "build", "-ldflags", flags, "-o", out[i], "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, text)
		}
	}
	return out
}

var (
	traced  = regexp.MustCompile(`^(\d+) +(.*)$`)
	pointer = regexp.MustCompile(`0x[0-9a-f]+|\b\d+\b`)
)

// childCalls returns the system calls of a container's processes, as strace sees them, up to the
// command's execve: those of the init, which is recognised by its first call, and those of the
// command's process. Numbers and addresses are replaced.
func childCalls(t *testing.T, bin string, args ...string) map[string][]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	line := append([]string{"-f", "-o", file, bin}, args...)
	if out, err := exec.Command(needProgram(t, "strace"), line...).CombinedOutput(); err != nil {
		t.Fatalf("strace %q: %v\n%s", line, err, out)
	}
	calls := map[string][]string{}
	who := map[string]string{}
	for l := range strings.Lines(read(t, file)) {
		m := traced.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			continue
		}
		pid, text := m[1], m[2]
		if _, known := who[pid]; !known {
			switch {
			case strings.HasPrefix(text, "prctl(PR_SET_PDEATHSIG"):
				who[pid] = "init"
			case strings.HasPrefix(text, "setpgid("), strings.HasPrefix(text, "setsid("):
				who[pid] = "command"
			default:
				who[pid] = "launcher"
			}
		}
		name := who[pid]
		if name == "launcher" || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++") || strings.HasPrefix(text, "<...") {
			continue
		}
		if n := len(calls[name]); n > 0 && strings.HasPrefix(calls[name][n-1], "execve(") {
			continue // the command's own calls
		}
		call, _, _ := strings.Cut(text, " <unfinished")
		if i := strings.LastIndex(call, ") "); i > 0 {
			call = call[:i]
		}
		calls[name] = append(calls[name], strings.TrimRight(pointer.ReplaceAllString(call, "N"), ") ,"))
	}
	return calls
}

// TestChildrenDoTheSameWithAndWithoutTheRuntime checks that the container's processes make the same
// calls whether the launcher has Go's runtime or not.
func TestChildrenDoTheSameWithAndWithoutTheRuntime(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	bins := bothBinaries(t)
	for _, flags := range [][]string{
		{"-m", dir}, {"-m", dir, "--no-init", "--net=host"}, {"--tmpfs=/tmp/x", "-u", "7", "--cap-add=SYS_NICE"},
	} {
		args := append(append([]string{"--hostname=same", "--no-cgroup"}, flags...), "--", "/bin/true")
		with, without := childCalls(t, bins[0], args...), childCalls(t, bins[1], args...)
		for _, name := range []string{"init", "command"} {
			a, b := with[name], without[name]
			if len(a) == 0 && name == "init" {
				t.Errorf("%q: no calls of the %s were seen", flags, name)
			}
			for i := range max(len(a), len(b)) {
				// strace cuts a call short if it shows another process in between.
				if i >= len(a) || i >= len(b) || !strings.HasPrefix(a[i], b[i]) && !strings.HasPrefix(b[i], a[i]) {
					t.Errorf("%q, call %d of the %s differs:\n%q\n%q", flags, i, name, a[min(i, len(a)):min(i+1, len(a))], b[min(i, len(b)):min(i+1, len(b))])
					break
				}
			}
		}
		t.Logf("%q: %d and %d calls", flags, len(with["init"]), len(with["command"]))
	}
	// A launcher without the runtime must have made none of the calls with which the runtime
	// starts.
	out, err := exec.Command(needProgram(t, "strace"), bins[0], "-m", dir, "--no-cgroup", "--", "/bin/true").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"clone(", "futex(", "sigaltstack(", "epoll_create1("} {
		if slices.ContainsFunc(strings.Split(string(out), "\n"), func(l string) bool { return strings.HasPrefix(l, call) }) {
			t.Errorf("the launcher made a call of Go's runtime: %s...)", call)
		}
	}
}

// TestHundredThousandArguments checks a command line that needs more memory than the launcher
// reserves before the runtime.
func TestHundredThousandArguments(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	args := []string{"-m", dir, "--", "sh", "-c", "echo $#", "x"}
	for i := range 100000 {
		args = append(args, fmt.Sprint(i))
	}
	if got := ok(t, args...); got != "100000" {
		t.Errorf("the command got %s arguments, want 100000", got)
	}
}

// TestBrokenStandardError checks that the launcher ends with the command's status even if nobody
// reads its messages any more.
func TestBrokenStandardError(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	// At the end the launcher reports --pids=4, because a fork was refused.
	c := exec.Command(tincanBin, "-m", dir, "--pids=4", "--", "sh", "-c", "(sleep 0.1 & sleep 0.1 & sleep 0.1 & sleep 0.1 & wait) 2>/dev/null; exit 5")
	c.Stderr = w
	c.Run()
	if got := c.ProcessState.ExitCode(); got != 5 {
		t.Errorf("%v, want status 5", c.ProcessState)
	}
}

// TestNotesAreSaidOnce checks that notes are printed once, although a run that fails before Go's
// runtime is repeated with it.
func TestNotesAreSaidOnce(t *testing.T) {
	needRoot(t)
	asOther := func(command string) *exec.Cmd {
		c := exec.Command(tincanBin, "--", command)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
		c.Env = []string{"PATH=/usr/bin:/bin"}
		c.Dir = "/"
		return c
	}
	const note = "no resource group"
	if out, err := asOther("/bin/true").CombinedOutput(); err != nil || !strings.Contains(string(out), note) {
		skip(t, "a user without a resource group (%v: %s)", err, out)
	}
	out, err := asOther("/not/there").CombinedOutput()
	if err == nil || strings.Count(string(out), note) != 1 || strings.Count(string(out), "/not/there: no such file") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}

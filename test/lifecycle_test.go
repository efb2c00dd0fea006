// How a run ends, and what it passes on to the command.
package test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestExitStatuses checks that the exit status is the command's.
func TestExitStatuses(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for n := range 256 {
		if testing.Short() && n > 3 && n < 250 && n%16 > 1 {
			continue
		}
		flag := []string{"--init", "--no-init"}[n%2]
		if r := tincan(t, flag, "-m", dir, "--", "sh", "-c", fmt.Sprint("exit ", n)); r.status != n || r.err != "" {
			t.Errorf("exit %d: %v", n, r)
		}
	}
}

// TestSignalStatuses checks that the status is 128+N for every signal N that ends a process.
func TestSignalStatuses(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for n := 1; n <= 64; n++ {
		switch syscall.Signal(n) {
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGURG, unix.SIGWINCH, 32, 33:
			continue // do not end a process, or belong to the C library
		}
		args := []string{"-m", dir, "--", "sh", "-c", fmt.Sprintf("kill -%d $$; sleep 5", n)}
		if n == 3 { // shells ignore it
			args = []string{"--", needProgram(t, "perl"), "-e", "kill 3, $$; sleep 5"}
		}
		if r := tincan(t, args...); r.status != 128+n {
			t.Errorf("signal %d: %v", n, r)
		}
	}
}

// TestSignalsPassedOn checks that the command gets the launcher's signals.
func TestSignalsPassedOn(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, init := range []string{"--init", "--no-init"} {
		for _, s := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGWINCH, unix.SIGCONT} {
			j := start(t, job{args: append([]string{init, "-m", dir}, probe("signal")...)})
			j.waitFor("ready")
			j.signal(s)
			want := unix.SignalName(s)
			if r := j.wait(); r.status != 50 || strings.TrimPrefix(r.out, "ready\n") != want+"\n" {
				t.Errorf("%s %v (%d): %v", init, want, s, r)
			}
		}
	}
}

// TestSignalsAtOnce checks that several signals at once all reach the command.
func TestSignalsAtOnce(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	const script = `n=0; for s in HUP USR1 USR2; do trap "echo $s; n=\$((n+1))" $s; done; echo ready; while [ $n -lt 3 ]; do sleep 0.01; done; exit 0`
	for _, init := range []string{"--init", "--no-init"} {
		j := start(t, job{args: []string{init, "--timeout=20s", "-m", dir, "--", "sh", "-c", script}})
		j.waitFor("ready")
		j.signal(unix.SIGSTOP)
		eventually(t, "the launcher is stopped", func() bool { return strings.Contains(read(t, fmt.Sprintf("/proc/%d/status", j.pid())), "State:\tT") })
		for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT} {
			j.signal(s)
		}
		r := j.wait()
		lines := strings.Fields(r.out)
		slices.Sort(lines)
		if r.status != 0 || strings.Join(lines, " ") != "HUP USR1 USR2 ready" {
			t.Errorf("%s: %v", init, r)
		}
	}
}

// TestTimeout checks --timeout.
func TestTimeout(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	r := tincan(t, "--timeout=200ms", "-m", dir, "--", "sleep", "100")
	if r.status != 124 || r.took > 3*time.Second || r.err != "tincan: ended after --timeout=200ms\n" {
		t.Error(r)
	}
	if r := tincan(t, "--timeout=30", "-m", dir, "--", "true"); r.status != 0 || r.err != "" {
		t.Error("in time:", r)
	}
	r = tincan(t, "--timeout=0.2", "-m", dir, "--", "sh", "-c", "trap 'echo told; exit 3' TERM; sleep 100 & wait")
	if r.status != 124 || r.out != "told\n" {
		t.Error("a command that ends itself:", r)
	}
	if testing.Short() {
		return
	}
	for _, init := range []string{"--init", "--no-init"} { // 5 seconds later it is killed
		r = tincan(t, init, "--timeout=0.2", "-m", dir, "--", "sh", "-c", "trap '' TERM; sleep 100; sleep 100")
		if r.status != 124 || r.took < 5*time.Second || r.took > 8*time.Second {
			t.Errorf("%s, a command that ignores SIGTERM: %v after %v", init, r, r.took)
		}
	}
}

// stats is the report of --stats.
type stats struct {
	Status    int
	Signal    *string
	TimedOut  *bool                         `json:"timed_out"`
	OOMKilled *bool                         `json:"oom_killed"`
	Wall      *float64                      `json:"wall_seconds"`
	User      *float64                      `json:"user_seconds"`
	System    *float64                      `json:"system_seconds"`
	Memory    *int64                        `json:"memory_peak_bytes"`
	Pids      *int64                        `json:"pids_peak"`
	Limits    struct{ Memory, Pids *int64 } `json:"limits_hit"`
}

// withStats runs tincan with --stats, and returns the report too.
func withStats(t *testing.T, args ...string) (result, stats) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stats.json")
	r := tincan(t, append([]string{"--stats=" + file}, args...)...)
	var s stats
	if err := json.Unmarshal([]byte(read(t, file)), &s); err != nil {
		t.Fatal(err)
	}
	return r, s
}

// TestStats checks the report of --stats.
func TestStats(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	r, s := withStats(t, "-m", dir, "--", "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3")
	if r.status != 3 || s.Status != 3 || s.Signal != nil || *s.TimedOut || *s.OOMKilled || *s.User < 0.01 || *s.Wall < *s.User/2 || *s.Wall > 30 {
		t.Errorf("%v\n%+v", r, s)
	}
	if hasGroup() && (s.Memory == nil || *s.Memory < 100_000 || *s.Memory > 1<<30) {
		t.Errorf("memory peak: %v", s.Memory)
	}
	if _, s = withStats(t, "-m", dir, "--", "sh", "-c", "kill -TERM $$"); s.Status != 143 || s.Signal == nil || *s.Signal != "SIGTERM" {
		t.Errorf("signal: %+v", s)
	}
	if _, s = withStats(t, "--timeout=0.1", "-m", dir, "--", "sleep", "9"); s.Status != 124 || !*s.TimedOut {
		t.Errorf("timeout: %+v", s)
	}
	if _, s = withStats(t, "--no-cgroup", "-m", dir, "--", "true"); s.Memory != nil || s.Limits.Memory != nil || s.Limits.Pids != nil {
		t.Errorf("unknown values must be null: %+v", s)
	}
	r = tincan(t, "--stats=-", "-m", dir, "--", "true")
	if err := json.Unmarshal([]byte(r.err), &s); err != nil || r.out != "" {
		t.Errorf("--stats=-: %v: %v", err, r)
	}
	// A run that failed writes no report, and does not change an old file.
	file := filepath.Join(t.TempDir(), "s")
	tincan(t, "--stats="+file, "-m", dir, "--", "nonesuch")
	if exists(file) {
		t.Error("a run that failed has written a report")
	}
	write(t, file, "precious")
	tincan(t, "--stats="+file, "-m", dir, "--", "nonesuch")
	if got := read(t, file); got != "precious" {
		t.Errorf("the old file became %q", got)
	}
}

// TestOrphansReaped checks that the init reaps a thousand orphans.
func TestOrphansReaped(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	orphans := "1000"
	if testing.Short() {
		orphans = "200" // an emulated machine needs 20 seconds for a thousand
	}
	script := `i=0; while [ $i -lt $0 ]; do (: & :); i=$((i+1)); done
		n=0; while set -- /proc/[0-9]*; [ $# -gt 2 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
		echo $#`
	r := tincan(t, "-m", dir, "--", "sh", "-c", script, orphans)
	if r.status != 0 || r.out != "2\n" { // the init and the shell
		t.Errorf("want 2 processes after %s orphans: %v", orphans, r)
	}
	// Without the init nobody reaps them, which is the flag's meaning, but the command must
	// work.
	r = tincan(t, "--no-init", "-m", dir, "--", "sh", "-c", `(: & :); (sleep 0 & exec true); sleep 0.2; exec sh -c 'echo done'`)
	if r.status != 0 || r.out != "done\n" {
		t.Error(r)
	}
}

// TestBackgroundProcessesEnd checks that background processes end with the command.
func TestBackgroundProcessesEnd(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	r := tincan(t, "-m", dir, "--", "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo started")
	if r.status != 0 || r.out != "started\n" || r.took > 5*time.Second {
		t.Error(r, r.took)
	}
}

// TestBytesUntouched checks that the command's input and output are passed on byte by byte.
func TestBytesUntouched(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	data := make([]byte, 3<<20)
	rand.Read(data)
	r := job{args: []string{"-m", dir, "--", "cat"}, in: bytes.NewReader(data)}.run(t)
	if r.out != string(data) || r.err != "" {
		t.Errorf("standard output: %d bytes of %d, status %d, stderr %.200q", len(r.out), len(data), r.status, r.err)
	}
	r = job{args: []string{"-m", dir, "--", "sh", "-c", "cat >&2"}, in: bytes.NewReader(data)}.run(t)
	if r.err != string(data) || r.out != "" {
		t.Errorf("standard error: %d bytes of %d, status %d", len(r.err), len(data), r.status)
	}
	// If the reader ends, the command gets SIGPIPE, as without tincan.
	out, err := exec.Command("bash", "-c", `"$0" $2 -m "$1" -- yes | head -1; echo "${PIPESTATUS[0]}"`, tincanBin, dir, strings.Join(forUser(nil), " ")).CombinedOutput()
	if err != nil || string(out) != "y\n141\n" {
		t.Errorf("yes | head -1: %v %q", err, out)
	}
}

// TestClosedStdio checks that no other file takes the place of a closed standard descriptor.
func TestClosedStdio(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "out")
	os.WriteFile(file, nil, 0o666)
	for _, how := range []string{"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"} {
		c := exec.Command("sh", "-c", `"$0" -m "$1" -a "$2":/out -- sh -c 'for n in 0 1 2 3; do readlink /proc/self/fd/$n; done >/out; exit 9' `+how, tincanBin, dir, file)
		err := c.Run()
		if c.ProcessState.ExitCode() != 9 {
			t.Errorf("%s: %v", how, err)
		}
		for l := range strings.Lines(read(t, file)) {
			if strings.Contains(l, "socket:") || strings.Contains(l, "memfd") || strings.Contains(l, "cgroup") {
				t.Errorf("%s: the command has %s", how, l)
			}
		}
		os.Truncate(file, 0)
	}
}

// TestPassFD checks --pass-fd.
func TestPassFD(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	var files []*os.File
	for i := range 4 {
		name := filepath.Join(t.TempDir(), "f")
		write(t, name, fmt.Sprintf("descriptor %d\n", 3+i))
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	for _, init := range []string{"--init", "--no-init"} {
		for _, f := range files {
			f.Seek(0, 0)
		}
		r := job{args: []string{init, "--pass-fd=6", "--pass-fd=4", "-m", dir, "--", "sh", "-c", "ls /proc/self/fd; cat <&4; cat <&6"}, files: files}.run(t)
		if want := "0\n1\n2\n3\n4\n6\ndescriptor 4\ndescriptor 6\n"; r.out != want { // 3 is ls's own
			t.Errorf("%s: %v", init, r)
		}
	}
}

// TestCommandLines checks the command lines that ps(1) shows on the host. The launcher writes the
// init's over its own for the moment of the clone.
func TestCommandLines(t *testing.T) {
	dir := tree(t)
	for _, mode := range [][]string{nil, {"--debug"}, {"--no-init"}} { // before Go's runtime, and with it
		r := start(t, job{args: append(append([]string{"run"}, mode...), "--hostname=of-the-launcher", "-m", dir, "--", "sh", "-c", "echo ready; cat", "", "last word")})
		r.waitFor("ready")
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", r.pid()))
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(r.c.Args, "\x00") + "\x00"; string(line) != want {
			t.Errorf("%q: the launcher's command line is %q, want %q", mode, line, want)
		}
		r.closeInput()
		if res := r.wait(); res.status != 0 {
			t.Errorf("%q: %v", mode, res)
		}
	}
	// A run that fails before the runtime is made again with it, with the same arguments.
	refusedRun := tincan(t, "-m", dir, "--", "/nonesuch", "", "last word")
	if !strings.Contains(refusedRun.err, `execve("/nonesuch", ["/nonesuch", "", "last word"]`) {
		t.Errorf("the second attempt has other arguments: %v", refusedRun)
	}
}

// Package test drives the built binary, as root, on a real machine.
//
// What a test needs and this machine lacks is named by skip; with MUST_WORK=1,
// which CI sets, a skip is a failure. leaks_test.go has the check that a run leaves
// nothing behind, and probe/ the program that tries to break out.
package test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// built in TestMain
var tincanBin, probeBin string

func TestMain(m *testing.M) { os.Exit(mainStatus(m)) }

func mainStatus(m *testing.M) int {
	// What is ignored here (nohup make test, or a script's make test &) would be ignored by
	// the launchers as well, and is the default action in them if it is caught here.
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} { // Go catches the others from the start
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	k, v, _ := strings.Cut(mark, "=")
	os.Setenv(k, v)
	if asUser != "" {
		tincanBin, probeBin = os.Getenv("TINCAN_TEST_BIN"), os.Getenv("TINCAN_TEST_PROBE")
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tincan-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o755)
	for bin, pkg := range map[*string]string{&tincanBin: "..", &probeBin: "./probe"} {
		// Where there is no go, as inside a virtual machine (vm/), they are there already.
		if *bin = os.Getenv(map[string]string{"..": "TINCAN_TEST_BIN", "./probe": "TINCAN_TEST_PROBE"}[pkg]); *bin != "" {
			continue
		}
		*bin = filepath.Join(dir, map[string]string{"..": "tincan", "./probe": "probe"}[pkg])
		build := exec.Command("go", "build", "-o", *bin, pkg)
		if pkg == ".." && os.Getenv("TINCAN_TEST_PLAIN") == "" { // the entry before Go's runtime, as make builds it
			build = exec.Command("go", "build", "-ldflags", "-E main.entry", "-o", *bin, pkg)
		}
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build %s: %v\n%s", pkg, err, out)
			return 1
		}
	}
	if os.Geteuid() != 0 {
		asUser = ownContainer()
	}
	return m.Run()
}

// ownContainer tells what the user who runs the tests can have: a container with a single
// id, one with ranges, or none: then what needs root is skipped, and that is all.
func ownContainer() string {
	out, err := exec.Command(tincanBin, "--no-cgroup", "--", "cat", "/proc/self/uid_map").Output()
	switch {
	case err != nil:
		return ""
	case strings.Count(string(out), "\n") > 1:
		return "ranges"
	}
	return "single"
}

// skip says what is missing. Under MUST_WORK=1 nothing may be.
func skip(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv("MUST_WORK") == "1" {
		t.Fatalf("MUST_WORK=1, and missing: "+format, a...)
	}
	t.Skipf("missing: "+format, a...)
}

// needRoot skips what only root can do.
func needRoot(t *testing.T) {
	t.Helper()
	notForUsers(t, "it takes root to prepare")
	if os.Geteuid() != 0 {
		skip(t, "root")
	}
}

// needProgram gives the path of a program of this machine.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		skip(t, "the program %s", name)
	}
	return p
}

// job is a run of tincan to be.
type job struct {
	before []string // a command that tincan is the argument of: unshare -m, strace ...
	args   []string
	in     io.Reader
	env    []string // added to the caller's
	dir    string
	files  []*os.File // descriptors 3 and up
	within time.Duration
}

// result is how it ended. signal is set if tincan itself was killed.
type result struct {
	status   int
	signal   syscall.Signal
	out, err string
	took     time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout: %q\nstderr: %s", r.status, r.out, r.err)
}

func (j job) command(ctx context.Context) *exec.Cmd {
	line := append(append([]string{}, j.before...), tincanBin)
	line = append(line, forUser(j.args)...)
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	c.Stdin, c.Dir, c.ExtraFiles = j.in, j.dir, j.files
	c.Env = append(os.Environ(), j.env...)
	c.WaitDelay = 15 * time.Second
	return c
}

// run runs it to its end, which must come within a minute.
func (j job) run(t *testing.T) result {
	t.Helper()
	if j.within == 0 {
		j.within = time.Minute
	}
	if asUser == "ranges" {
		j.within *= 4 // newuidmap and newgidmap for each run, in an emulated machine
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.within)
	defer cancel()
	c := j.command(ctx)
	out, errs := gather(t, &c.Stdout), gather(t, &c.Stderr)
	start := time.Now()
	err := c.Run()
	r := result{took: time.Since(start)}
	var held, errsHeld error
	r.out, held = out()
	r.err, errsHeld = errs()
	if ctx.Err() != nil {
		t.Fatalf("tincan %q did not end within %v\n%v", j.args, j.within, r)
	}
	if err := errors.Join(r.setStatus(err), held, errsHeld); err != nil {
		t.Fatalf("tincan %q: %v\n%v", j.args, err, r)
	}
	return r
}

// setStatus takes the status from what os/exec says of the end, and gives back what is
// wrong besides.
func (r *result) setStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	r.status = exit.ExitCode()
	if w := exit.Sys().(syscall.WaitStatus); w.Signaled() {
		r.signal = w.Signal()
	}
	return nil
}

// gather makes an output a pipe, and gives a function for the time after the command's
// end: what came, and an error if somebody still holds the pipe open. os/exec's WaitDelay
// has that error for commands with status 0 only.
func gather(t *testing.T, output *io.Writer) func() (string, error) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	*output = to
	var text []byte
	end := make(chan error, 1)
	go func() {
		b, err := io.ReadAll(from)
		text = b
		end <- err
	}()
	return func() (string, error) {
		to.Close()
		defer from.Close()
		from.SetReadDeadline(time.Now().Add(15 * time.Second))
		err := <-end
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errors.New("it ended, and somebody still holds its output open")
		}
		return string(text), err
	}
}

// tincan runs it with these arguments and nothing on standard input.
func tincan(t *testing.T, args ...string) result {
	t.Helper()
	return job{args: args}.run(t)
}

// ok runs it and wants status 0 and a silent tincan; it gives the trimmed output.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	r := tincan(t, args...)
	if r.status != 0 || r.err != "" {
		t.Fatalf("tincan %q: %v", args, r)
	}
	return strings.TrimRight(r.out, "\n")
}

// refused wants status 125, nothing on stdout, and every text on stderr.
func refused(t *testing.T, r result, texts ...string) {
	t.Helper()
	wantFailure(t, r, 125, texts...)
}

// wantFailure is a failure of tincan's own: what a caller can rely on.
func wantFailure(t *testing.T, r result, status int, texts ...string) {
	t.Helper()
	if r.status != status || r.signal != 0 {
		t.Errorf("status %d (signal %d), want %d\n%v", r.status, r.signal, status, r)
	}
	if r.out != "" {
		t.Errorf("something ran: stdout %q\n%v", r.out, r)
	}
	if r.err == "" {
		t.Error("no word on stderr")
	}
	for line := range strings.Lines(r.err) {
		if !strings.HasPrefix(line, "tincan: ") {
			t.Errorf("a line on stderr does not begin with `tincan: `: %q", line)
		}
	}
	for _, text := range texts {
		if !strings.Contains(r.err, text) {
			t.Errorf("stderr does not say %q:\n%s", text, r.err)
		}
	}
}

// tree is a root directory with a static busybox and nothing else: no /proc, /dev,
// /sys or /tmp, which every run has to make and to remove again.
func tree(t *testing.T) string {
	t.Helper()
	if asUser == "" {
		needRoot(t)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	fillTree(t, dir)
	return dir
}

func fillTree(t *testing.T, dir string) {
	t.Helper()
	const busybox = "/bin/busybox"
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		skip(t, "%s (%v): apt-get install busybox-static", busybox, err)
	}
	if f, err := elf.Open(busybox); err != nil || slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		skip(t, "a statically linked %s: apt-get install busybox-static", busybox)
	}
	mkdir(t, filepath.Join(dir, "bin"))
	mkdir(t, filepath.Join(dir, "etc"))
	write(t, filepath.Join(dir, "etc/mine"), "the user's own\n")
	copyFile(t, busybox, filepath.Join(dir, "bin/busybox"))
	for applet := range strings.FieldsSeq(string(list)) {
		if applet != "busybox" {
			if err := os.Symlink("busybox", filepath.Join(dir, "bin", applet)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// probe gives the flags and the command's name that put the probe into a container.
func probe(args ...string) []string {
	return append([]string{"-a", probeBin + ":/probe:ro", "--", "/probe"}, args...)
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// inMountNS runs tincan after a shell script in a mount namespace of its own: what
// the script mounts is seen by that run and by nobody else.
func inMountNS(t *testing.T, script string) []string {
	t.Helper()
	notForUsers(t, "it takes root to mount something around tincan")
	needProgram(t, "unshare")
	return []string{"unshare", "-m", "--propagation", "private", "sh", "-ec", script + "\n" + `exec "$0" "$@"`}
}

// eventually waits for something that another process is about to do.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 seconds: %s", what)
		}
	}
}

func exists(file string) bool {
	var st unix.Stat_t
	return unix.Lstat(file, &st) == nil
}

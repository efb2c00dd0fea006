// Package test drives the built binary on a real machine, as root and as ordinary users.
//
// If this machine lacks something, a test says what and skips; with MUST_WORK=1, which CI sets, it
// fails instead. leaks_test.go checks that a run leaves nothing behind, and probe/ has the program
// that tries to break out of a container.
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

// The programs under test, which TestMain builds.
var tincanBin, probeBin string

// TestMain builds the programs and runs the tests.
func TestMain(m *testing.M) { os.Exit(mainStatus(m)) }

func mainStatus(m *testing.M) int {
	// Launchers would inherit signals that are ignored here (nohup make test, or a script's make
	// test &). If this process catches them, the launchers start with the default action.
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} { // Go handles the others from the start
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
		// Where there is no go command, as in the virtual machines of vm/, the programs are
		// given.
		if *bin = os.Getenv(map[string]string{"..": "TINCAN_TEST_BIN", "./probe": "TINCAN_TEST_PROBE"}[pkg]); *bin != "" {
			continue
		}
		*bin = filepath.Join(dir, map[string]string{"..": "tincan", "./probe": "probe"}[pkg])
		build := exec.Command("go", "build", "-o", *bin, pkg)
		if pkg == ".." && os.Getenv("TINCAN_TEST_PLAIN") == "" { // with the entry point before Go's runtime, as make builds it
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

// ownContainer returns which container the user who runs the tests can have: one with a single id,
// one with ranges, or "" for none. Without one, tests that need root are skipped.
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

// skip skips the test because something is missing. With MUST_WORK=1 it fails the test instead.
func skip(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv("MUST_WORK") == "1" {
		t.Fatalf("MUST_WORK=1, and missing: "+format, a...)
	}
	t.Skipf("missing: "+format, a...)
}

// needRoot skips the test if the tests do not run as root.
func needRoot(t *testing.T) {
	t.Helper()
	notForUsers(t, "only root can prepare this test")
	if os.Geteuid() != 0 {
		skip(t, "root")
	}
}

// needProgram returns the path of a program, or skips the test if the program is not installed.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		skip(t, "the program %s", name)
	}
	return p
}

// job describes a run of tincan.
type job struct {
	before []string // a command that runs tincan: unshare -m, strace ...
	args   []string
	in     io.Reader
	env    []string // added to the caller's
	dir    string
	files  []*os.File    // descriptors 3 and up
	within time.Duration // how long the run may take; 0 stands for a minute
}

// result is how a run ended. signal is set if tincan itself was killed.
type result struct {
	status   int
	signal   syscall.Signal
	out, err string
	took     time.Duration
}

// String describes the result, for error messages.
func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout: %q\nstderr: %s", r.status, r.out, r.err)
}

// command returns the command that starts the run.
func (j job) command(ctx context.Context) *exec.Cmd {
	line := append(append([]string{}, j.before...), tincanBin)
	line = append(line, forUser(j.args)...)
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	c.Stdin, c.Dir, c.ExtraFiles = j.in, j.dir, j.files
	c.Env = append(os.Environ(), j.env...)
	c.WaitDelay = patience
	return c
}

// run runs tincan to its end, which must come in time.
func (j job) run(t *testing.T) result {
	t.Helper()
	if j.within == 0 {
		j.within = time.Minute
	}
	if asUser == "ranges" {
		j.within *= 4 // each run starts newuidmap and newgidmap, perhaps in an emulated machine
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

// setStatus sets the status from os/exec's error, and returns any other error.
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

// gather makes an output a pipe. It returns a function to call after the command's end, which
// returns what was written, and an error if another process still holds the pipe open. os/exec's
// WaitDelay reports that only for commands with status 0.
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
		from.SetReadDeadline(time.Now().Add(patience))
		err := <-end
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errors.New("it ended, but another process still holds its output open")
		}
		return string(text), err
	}
}

// tincan runs tincan with these arguments and an empty standard input.
func tincan(t *testing.T, args ...string) result {
	t.Helper()
	return job{args: args}.run(t)
}

// ok runs tincan, requires status 0 and an empty standard error, and returns the output without the
// last line breaks.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	r := tincan(t, args...)
	if r.status != 0 || r.err != "" {
		t.Fatalf("tincan %q: %v", args, r)
	}
	return strings.TrimRight(r.out, "\n")
}

// refused requires status 125, nothing on standard output, and every text on standard error.
func refused(t *testing.T, r result, texts ...string) {
	t.Helper()
	wantFailure(t, r, 125, texts...)
}

// wantFailure checks that tincan failed in the documented way, with a status and these texts.
func wantFailure(t *testing.T, r result, status int, texts ...string) {
	t.Helper()
	if r.status != status || r.signal != 0 {
		t.Errorf("status %d (signal %d), want %d\n%v", r.status, r.signal, status, r)
	}
	if r.out != "" {
		t.Errorf("the command ran: stdout %q\n%v", r.out, r)
	}
	if r.err == "" {
		t.Error("stderr is empty")
	}
	for line := range strings.Lines(r.err) {
		if !strings.HasPrefix(line, "tincan: ") {
			t.Errorf("a line on stderr does not begin with `tincan: `: %q", line)
		}
	}
	for _, text := range texts {
		if !strings.Contains(r.err, text) {
			t.Errorf("stderr does not contain %q:\n%s", text, r.err)
		}
	}
}

// tree returns a root directory with a static busybox and nothing else: every run has to make
// /proc, /dev, /sys and /tmp, and to remove them again.
func tree(t *testing.T) string {
	t.Helper()
	if asUser == "" {
		needRoot(t)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	fillTree(t, dir)
	return dir
}

// fillTree makes the content of such a directory.
func fillTree(t *testing.T, dir string) {
	t.Helper()
	const busybox = "/bin/busybox"
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		skip(t, "%s (%v; apt-get install busybox-static)", busybox, err)
	}
	if f, err := elf.Open(busybox); err != nil || slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		skip(t, "a statically linked %s (apt-get install busybox-static)", busybox)
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

// probe returns the flags that add the probe to a container, and the command that runs it.
func probe(args ...string) []string {
	return append([]string{"-a", probeBin + ":/probe:ro", "--", "/probe"}, args...)
}

// mkdir makes a directory and those above it.
func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// write writes a file.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
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

// copyFile copies a program.
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

// reachable lets other users reach a file in a temporary directory: they may enter all directories
// above it.
func reachable(file string) string {
	for p := filepath.Dir(file); p != os.TempDir(); p = filepath.Dir(p) {
		os.Chmod(p, 0o755)
	}
	return file
}

// publicDir returns a new directory that other users can reach.
func publicDir(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir := reachable(t.TempDir())
	os.Chmod(dir, mode)
	return dir
}

// inMountNS returns a command that runs tincan in a new mount namespace, after a shell script. Only
// that run sees what the script mounts.
func inMountNS(t *testing.T, script string) []string {
	t.Helper()
	notForUsers(t, "only root can mount something for this test")
	needProgram(t, "unshare")
	return []string{"unshare", "-m", "--propagation", "private", "sh", "-ec", script + "\n" + `exec "$0" "$@"`}
}

// patience is how long a test waits for something that must happen. It is long, because an emulated
// machine may get no processor for seconds while other tests run beside it.
const patience = time.Minute

// eventually waits until another process has done something.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("this did not happen within %v: %s", patience, what)
		}
	}
}

// exists reports whether a file exists. It does not follow symlinks.
func exists(file string) bool {
	var st unix.Stat_t
	return unix.Lstat(file, &st) == nil
}

// Sabotage: each step of the plan is made to fail in turn. The error must name that step, no
// command may run, and nothing may be left behind.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// sabotageEnv names the variable with the number of the step that fails, in a tincan that was built
// with the tag `sabotage` (sabotage.go).
const sabotageEnv = "TINCAN_TEST_SABOTAGE"

// saboteurs returns two such programs: with our entry point, which runs before Go's runtime, and
// without it.
var saboteurs = sync.OnceValues(func() ([2]string, error) {
	var out [2]string
	dir, err := os.MkdirTemp("", "saboteur")
	if err != nil {
		return out, err
	}
	os.Chmod(dir, 0o755)
	for i, flags := range [][]string{{"-ldflags", "-E main.entry"}, {"-ldflags", ""}} {
		out[i] = filepath.Join(dir, []string{"early", "plain"}[i])
		cmd := exec.Command("go", append([]string{"build", "-tags", "sabotage", "-o", out[i]}, append(flags, ".")...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return out, fmt.Errorf("%v: %w\n%s", cmd.Args, err, text)
		}
	}
	return out, nil
})

// TestMain removes the programs that the tests have built.
func TestMain(m *testing.M) {
	// The launcher would inherit the signals that the caller of the tests ignores (nohup).
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} { // Go handles the others from the start
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	status := m.Run()
	if saboteursUsed.Load() {
		if s, err := saboteurs(); err == nil {
			os.RemoveAll(filepath.Dir(s[0]))
		}
	}
	os.Exit(status)
}

// saboteursUsed is set when a test has asked for the programs.
var saboteursUsed atomic.Bool

// saboteurBinary returns the name of one of the two programs.
func saboteurBinary(t *testing.T, i int) string {
	t.Helper()
	saboteursUsed.Store(true)
	s, err := saboteurs()
	if err != nil {
		t.Fatal(err)
	}
	return s[i]
}

// saboteur runs one of the two programs, and makes a step fail, or none if step < 0.
func saboteur(t *testing.T, binary, step int, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	line := append(append(slices.Clone(sabotageAs), saboteurBinary(t, binary)), args...)
	c := exec.Command(line[0], line[1:]...)
	if step >= 0 {
		c.Env = append(os.Environ(), sabotageEnv+"="+strconv.Itoa(step))
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.Run()
	if w := c.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() {
		t.Errorf("step %d: tincan was killed by %v", step, w.Signal())
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// sabotageAs is a command that runs its arguments as another user, if it is not empty.
var sabotageAs []string

// sabotages are command lines whose plans are to fail.
type sabotages []struct {
	name  string
	tree  bool // with a root directory of the test's, otherwise with the host's files
	flags []string
}

// TestSabotage makes each step of root's plans fail.
func TestSabotage(t *testing.T) {
	sabotages{
		{"tree", true, []string{"--tmpfs=/new/t", "-w", "/bin", "--rlimit=core=0"}},
		{"tree,no-init", true, []string{"--no-init"}},
		{"tree,read-only", true, []string{"--ro"}},
		{"host", false, []string{"--tmpfs=/tmp/a/b:1M"}},
		{"host,no-init", false, []string{"--tmpfs=/tmp/a/b:1M", "--no-init", "-u", "1000"}},
		{"tree,ephemeral", true, []string{"--no-cgroup", "--ephemeral"}},
		{"host,ephemeral", false, []string{"--no-cgroup", "--ephemeral"}},
		{"tree,idmapped", true, []string{"--no-cgroup", "-a", "/usr:/a:idmap:ro"}},
		{"tree,net,no-cgroup", true, []string{"--net=host", "--no-cgroup"}},
	}.fail(t, 0)
}

// TestSabotageRecord makes the steps that record adds fail, and the steps around them.
func TestSabotageRecord(t *testing.T) {
	dir := sabotageTree(t)
	file := filepath.Join(t.TempDir(), "p.json")
	args := []string{"--no-cgroup", "-m", dir, "-a", dir + "/mark:/tmp/mark", "--", "/bin/sh", "-c", "echo ran; echo ran >>/tmp/mark/ran"}
	_, out, _ := saboteur(t, 0, -1, append([]string{"plan", "--json"}, args...)...)
	var plan []planLine
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatal(err)
	}
	first := 1 + slices.IndexFunc(plan, func(l planLine) bool { return l.Call == "seccomp" }) // record keeps one more descriptor open
	record := append([]string{"record", "-o", file}, args...)
	for i, call := range []string{"seccomp", "dup3", "sendmsg", "read", "seccomp", "execve"} {
		status, out, text := saboteur(t, 1, first+i, record...)
		if want := map[bool]int{false: statusFailed, true: 126}[call == "execve"]; status != want || !strings.Contains(text, call+"(") || !strings.Contains(text, "ENOSYS") {
			t.Errorf("%s: status %d, want %d\n%s", call, status, want, text)
		}
		if _, err := os.Stat(filepath.Join(dir, "mark/ran")); out != "" || err == nil {
			t.Errorf("%s failed, but the command ran", call)
		}
		if left, _ := filepath.Glob(file + "*"); left != nil {
			t.Errorf("%s: left behind: %q", call, left)
		}
	}
	if status, out, text := saboteur(t, 1, -1, record...); status != 0 || out != "ran\n" {
		t.Errorf("without sabotage: %d %q\n%s", status, out, text)
	}
}

// TestSabotageAsUser makes each step of an ordinary user's plans fail, with a single id and with
// ranges.
func TestSabotageAsUser(t *testing.T) {
	for _, program := range []string{"setpriv", "unshare", "newuidmap"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" is not installed")
		}
	}
	const user = 23457
	public := t.TempDir()
	passwd, _ := os.ReadFile("/etc/passwd")
	for name, text := range map[string]string{
		"passwd": string(passwd) + fmt.Sprintf("saboteur:x:%d:%d::/:/bin/sh\n", user, user),
		"subids": fmt.Sprintf("saboteur:800000:1000\n%d:900000:1000\n", user),
	} {
		if err := os.WriteFile(filepath.Join(public, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sabotageAs = []string{"unshare", "-m", "--propagation", "private", "sh", "-ec",
		fmt.Sprintf(`mount --bind %[1]s/passwd /etc/passwd; mount --bind %[1]s/subids /etc/subuid; mount --bind %[1]s/subids /etc/subgid
			exec setpriv --reuid=%[2]d --regid=%[2]d --clear-groups "$0" "$@"`, public, user)}
	defer func() { sabotageAs = nil }()
	sabotages{
		{"single", true, []string{"--no-cgroup", "--map=0:23457:1", "--tmpfs=/new/t"}},
		{"single,host", false, []string{"--no-cgroup", "--map=5:23457:1", "-u", "5", "--no-init", "--net=host"}},
		{"ranges", true, []string{"--no-cgroup", "-u", "33"}},
		{"ranges,not self", true, []string{"--no-cgroup", "--map=0:800000:10", "--no-init"}},
	}.fail(t, user)
}

// fail makes every step of each plan fail, two plans at a time if there are two processors. It
// looks for what was left behind when all have ended: before, a child or a mount could belong to
// another plan that still runs.
func (all sabotages) fail(t *testing.T, owner int) {
	top := filepath.Dir(t.TempDir()) // the parent of all temporary directories of a test
	os.Chmod(top, 0o755)             // an ordinary user has to reach them
	dirs := make([]string, len(all))
	for i := range all {
		dirs[i] = sabotageTree(t)
		for _, d := range []string{"", "/bin", "/mark"} {
			os.Chown(dirs[i]+d, owner, owner)
		}
	}
	before := traces(t, top)
	t.Run("each", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				dir := dirs[i]
				args := append([]string{fmt.Sprintf("--hostname=sabotage-%d", os.Getpid()), "-a", dir + "/mark:/tmp/mark"}, s.flags...)
				if s.tree {
					args = append(args, "-m", dir)
				}
				everyStepFails(t, dir, append(args, "--", "/bin/sh", "-c", "echo ran; echo ran >>/tmp/mark/ran"))
			})
		}
	})
	if after := traces(t, top); !maps.Equal(before, after) {
		t.Errorf("left behind:\n%v\nbefore:\n%v", slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
	}
}

// sabotageTree returns a root directory in which only /bin/sh can be executed: a static shell.
func sabotageTree(t *testing.T) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "not root")
	}
	const busybox = "/bin/busybox"
	b, err := os.ReadFile(busybox)
	if err != nil {
		missing(t, busybox+" is missing: apt-get install busybox-static")
	}
	dir = filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"bin", "mark"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(filepath.Join(dir, "mark"), 0o777)
	if err := os.WriteFile(filepath.Join(dir, "bin/sh"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// everyStepFails makes each step fail in turn, in both programs. An error before Go's runtime must
// be reported by the runtime, in the same words. It removes the file that the command makes.
func everyStepFails(t *testing.T, dir string, args []string) {
	status, out, text := saboteur(t, 0, -1, append([]string{"plan", "--json"}, args...)...)
	var plan []planLine
	if err := json.Unmarshal([]byte(out), &plan); err != nil || status != 0 {
		t.Fatalf("plan: %d, %v\n%s%s", status, err, out, text)
	}
	for binary := range 2 {
		if status, out, text := saboteur(t, binary, -1, args...); status != 0 || out != "ran\n" {
			t.Fatalf("without sabotage: %d %q\n%s", status, out, text)
		}
	}
	os.Remove(filepath.Join(dir, "mark/ran"))
	last := 0
	for i, line := range plan {
		if line.Call == "execve" {
			last = i
		}
	}
	for i, line := range plan[:last+1] { // the following steps are ledger.go's clean-up, after the end
		if testing.Short() && i%10 != 0 { // for make check, with -race; make test tries all steps
			continue
		}
		want := statusFailed
		if line.Call == "execve" {
			want = 126
		}
		var said [2]string
		for binary := range said {
			status, out, text := saboteur(t, binary, i, args...)
			said[binary] = text
			if status != want {
				t.Errorf("%s: status %d, want %d\n%s", line.Text, status, want, text)
			}
			first, _, _ := strings.Cut(text, "\n")
			if want := fmt.Sprintf("tincan: step %d of %d: %s = ENOSYS (", i+1, len(plan), line.Text); !strings.HasPrefix(first, want) {
				t.Errorf("step %d: the error is\n%s\nand does not begin\n%s", i+1, text, want)
			}
			ran := out != ""
			if b, err := os.ReadFile(filepath.Join(dir, "mark/ran")); err == nil {
				ran = true
				os.Remove(filepath.Join(dir, "mark/ran"))
				if strings.Count(string(b), "ran") > 1 { // not once is fine: it may have been ended early
					t.Errorf("step %d, %s: the command ran more than once: %q", i+1, line.Text, b)
				}
			}
			if ran && line.Actor != "init" { // a step of the init comes when the command is already running
				t.Errorf("step %d, %s: the command ran", i+1, line.Text)
			}
		}
		if said[0] != said[1] {
			t.Errorf("step %d, %s: the error differs with and without our entry point:\n%s\n%s", i+1, line.Text, said[0], said[1])
		}
	}
	t.Logf("%d steps", last+1)
}

// traces returns what a run could leave behind: files in the directory, groups and mounts with the
// test's names, notes of the ledger, and children of this process.
func traces(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	filepath.Walk(dir, func(p string, fi os.FileInfo, err error) error {
		if err == nil {
			out[p+" "+fi.Mode().String()] = true
		}
		return err
	})
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mountinfo)) {
		f := strings.Fields(line)
		if strings.Contains(line, dir) {
			out[line] = true
		}
		if _, rest, _ := strings.Cut(line, " - "); strings.HasPrefix(rest, "cgroup") {
			filepath.WalkDir(f[4], func(p string, d os.DirEntry, err error) error {
				if err == nil && strings.Contains(p, "sabotage-"+strconv.Itoa(os.Getpid())) {
					out[p] = true
				}
				return nil
			})
		}
	}
	ledgers, _ := filepath.Glob("/run/tincan/*")
	theirs, _ := filepath.Glob("/dev/shm/tincan*/*")
	ledgers = append(ledgers, theirs...)
	for _, l := range ledgers {
		if b, err := os.ReadFile(l); err == nil && bytes.Contains(b, []byte("sabotage-"+strconv.Itoa(os.Getpid()))) {
			out[l] = true
		}
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		b, _ := os.ReadFile(s)
		_, after, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(after); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			out["child "+s] = true
		}
	}
	return out
}

// How a machine ends, and whether the end is recognised.
package vm

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ends is a boot and its expected outcome.
type ends struct {
	name   string
	args   []string // with SH for the shell, and its -c
	within time.Duration
	kind   Kind
	status int
	signal string
	oom    bool
	says   string // a text on the console
	stays  bool   // the machine stays on after that text; the test switches it off ten seconds later
}

// container are the arguments that run a command in a container.
var container = []string{"-m", "/vm/rootfs", "--"}

// inContainer returns the arguments that run a command in a container, direct those that run a
// busybox command without one.
func inContainer(words ...string) []string { return append(append([]string{}, container...), words...) }

// direct returns the arguments that run a busybox command without a container.
func direct(words ...string) []string {
	return append([]string{"--no-container", "/vm/rootfs/bin/busybox"}, words...)
}

// endings are the ways in which a command and its machine can end.
var endings = []ends{
	{name: "true", args: inContainer("true"), says: "tincan: exit status 0"},
	{name: "false", args: inContainer("false"), status: 1, says: "tincan: exit status 1"},
	{name: "the flag run, and another", args: append([]string{"run", "--memory=64M"}, inContainer("sh", "-c", "exit 42")...), status: 42},
	{name: "without a container", args: direct("sh", "-c", "exit 255"), status: 255},
	{name: "words with blanks", args: inContainer("sh", "-c", `test $# = 2 -a ${#0} = 4 -a ${#2} = 3`, "a  b", "x", "y z")},
	{name: "SIGTERM", args: inContainer("sh", "-c", "kill -TERM $$"), status: 143, signal: "SIGTERM"},
	{name: "SIGKILL without a container", args: direct("sh", "-c", "kill -KILL $$"), status: 137, signal: "SIGKILL"},
	{name: "SIGSEGV", args: direct("sh", "-c", "kill -SEGV $$"), status: 139, signal: "SIGSEGV"},
	{name: "out of memory", args: append([]string{"--memory=32M"}, inContainer("dd", "if=/dev/zero", "of=/tmp/x", "bs=1M", "count=100")...), status: 137, signal: "SIGKILL", oom: true, says: "out of memory"},
	{name: "not found", args: inContainer("nonesuch"), status: 127, says: "nonesuch: command not found"},
	{name: "not executable", args: []string{"--no-container", "/vm/rootfs/etc/mine"}, status: 126, says: "/vm/rootfs/etc/mine"},
	{name: "a flag that is none", args: []string{"run", "--nonesuch"}, status: 125, says: "--nonesuch: no such flag"},
	{name: "no arguments", status: 125, says: "nothing to run"},
	{name: "timed out by tincan", args: append([]string{"--timeout=1"}, inContainer("sleep", "1000")...), status: 124, signal: "SIGTERM"},
	{name: "SIGTERM to process 1", args: direct("sh", "-c", "trap 'exit 3' TERM; kill -TERM 1; sleep 100 & wait"), status: 3},
	{name: "all signals to process 1", args: direct("sh", "-c", "trap '' HUP QUIT USR1 USR2 ALRM WINCH; for s in HUP QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM STKFLT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO SYS; do kill -$s 1; done; sleep 0.5; exit 5"), status: 5},
	{name: "a panic", args: direct("sh", "-c", "echo c >/proc/sysrq-trigger; sleep 1000"), kind: Panic},
	{name: "a hang", args: inContainer("sh", "-c", "echo it has begun; sleep 1000"), within: 30 * time.Second, kind: Timeout, says: "it has begun"},
	{name: "power-off inside the command", args: direct("poweroff", "-f"), kind: NoVerdict},
	{name: "restart inside the command", args: direct("reboot", "-f"), kind: NoVerdict},
}

// TestEndings boots a machine for each of them.
func TestEndings(t *testing.T) {
	t.Parallel()
	bootEach(t, endings, Machine.Boot)
}

// withRootfs returns a machine with a root directory at /vm/rootfs.
func withRootfs(t *testing.T) Machine {
	t.Helper()
	k := kernel(t, archUnderTest(), "6.12")
	i := image(t, k)
	i.Add = []string{rootfs(t, k.Arch) + ":/vm/rootfs"}
	return Machine{Kernel: k, Initrd: written(t, i)}
}

// bootEach boots the same image for each case.
func bootEach(t *testing.T, all []ends, boot func(Machine) (Outcome, error)) {
	m := withRootfs(t)
	for _, e := range all {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			m := m
			m.Args, m.Within = e.args, e.within
			if e.stays {
				m.stopAfter(e.says)
			}
			o, err := boot(m)
			if err != nil {
				t.Fatal(err)
			}
			e.check(t, o)
		})
	}
}

// check compares an outcome with the expected one.
func (e ends) check(t *testing.T, o Outcome) {
	t.Helper()
	if e.kind == "" {
		e.kind = Verdict
	}
	if o.Kind != e.kind {
		t.Errorf("want %s, got %v", e.kind, o)
	}
	if !strings.Contains(o.Console, e.says) {
		t.Errorf("the console does not show %q: %v", e.says, o)
	}
	if e.kind != Verdict {
		return
	}
	signal := ""
	if o.Result.Signal != nil {
		signal = *o.Result.Signal
	}
	if o.Result.Status != e.status || signal != e.signal || o.Result.OOMKilled != e.oom {
		t.Errorf("%+v, want status %d, signal %q, oom %v: %v", o.Result, e.status, e.signal, e.oom, o)
	}
	// The status must also be on the console, for people.
	if want := fmt.Sprintf("tincan: exit status %d", e.status); !strings.Contains(o.Console, want) {
		t.Errorf("the console does not show %q: %v", want, o)
	}
}

// TestStatuses checks every status and every signal that ends a process, with a boot for each. All
// of them take an hour of processor time, so only ten are tried unless FULL is set. No boot is
// repeated, however it ended.
func TestStatuses(t *testing.T) {
	t.Parallel()
	var all []ends
	for n := range 256 {
		if full || slices.Contains([]int{0, 1, 2, 101, 127, 128, 253, 254}, n) {
			run := []func(...string) []string{direct, inContainer}[n%2]
			all = append(all, ends{name: fmt.Sprint("exit ", n), args: run("sh", "-c", fmt.Sprint("exit ", n)), status: n})
		}
	}
	for n := 1; n < 32; n++ {
		switch s := unix.Signal(n); s {
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGURG, unix.SIGWINCH, unix.SIGQUIT: // these do not end a process, or a shell ignores them
		default:
			if full || s == unix.SIGHUP || s == unix.SIGPWR {
				all = append(all, ends{name: unix.SignalName(s), args: inContainer("sh", "-c", fmt.Sprintf("kill -%d $$", n)), status: 128 + n, signal: unix.SignalName(s)})
			}
		}
	}
	bootEach(t, all, Machine.boot)
}

// TestMinimalImage boots an image of tincan and one static program: no shell, no directories.
func TestMinimalImage(t *testing.T) {
	t.Parallel()
	k := kernel(t, archUnderTest(), "6.12")
	i := image(t, k)
	i.Modules = nil
	i.Add = []string{program(t, k.Arch, "../probe", false) + ":/probe"}
	initrd := written(t, i)
	for name, args := range map[string][]string{
		"without a container":   {"--no-container", "/probe", "argv", "a b"},
		"in a container":        {"run", "--", "/probe", "argv", "a b"},
		"the loopback, outside": {"--no-container", "/probe", "loopback"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := boot(t, Machine{Kernel: k, Initrd: initrd, Args: args})
			want := `["a b"]`
			if args[len(args)-1] == "loopback" {
				want = "connect: ok"
			}
			ends{says: want}.check(t, o)
		})
	}
}

// TestArgsFile takes more words than the kernel accepts, with any bytes in them, from a file.
func TestArgsFile(t *testing.T) {
	t.Parallel()
	k := kernel(t, archUnderTest(), "6.12")
	i := image(t, k)
	i.Add = []string{program(t, k.Arch, "../probe", false) + ":/probe"}
	i.Args = []string{"--no-container", "/probe", "argv", "", "a \"b\" 'c'", "ä\\"}
	want := `["" "a \"b\" 'c'" "ä\\"`
	for n := range 40 {
		i.Args = append(i.Args, fmt.Sprint("word", n))
		want += fmt.Sprintf(` "word%d"`, n)
	}
	ends{says: want + "]"}.check(t, boot(t, Machine{Kernel: k, Initrd: written(t, i)}))
	if _, err := (Machine{Kernel: k, Args: make([]string, 33)}).line(""); err == nil {
		t.Error("33 words are accepted")
	}
}

// TestReproducible checks that the archive does not depend on when and where it is made.
func TestReproducible(t *testing.T) {
	i := Image{Tincan: program(t, hostArch, "tincan", false), Add: []string{rootfs(t, hostArch) + ":/rootfs"}}
	var made [2]string
	for n := range made {
		b, err := os.ReadFile(written(t, i))
		if err != nil {
			t.Fatal(err)
		}
		made[n] = string(b)
	}
	if made[0] != made[1] {
		t.Error("two archives of the same files differ")
	}
}

// Whether the machine powers off at the end, and how a crash of tincan itself is reported.
package vm

import (
	"strings"
	"testing"
	"time"
)

// powers are boots that do more than run a command and power off.
var powers = []ends{
	{name: "never", args: append([]string{"--poweroff=never"}, direct("sh", "-c", "exit 4")...), kind: Timeout, stays: true, says: "the machine stays on (--poweroff=never)"},
	{name: "never, and SIGTERM to process 1", args: append([]string{"--poweroff=never"}, direct("sh", "-c", "(sleep 1; kill -TERM 1) & exit 4")...), status: 4, says: "stays on"},
	{name: "on-success, 0", args: append([]string{"--poweroff=on-success"}, inContainer("true")...)},
	{name: "on-success, 3", args: append([]string{"--poweroff=on-success"}, inContainer("sh", "-c", "exit 3")...), kind: Timeout, stays: true, says: "the machine stays on (--poweroff=on-success)"},
	{name: "no such poweroff", args: []string{"--poweroff=maybe"}, status: 125, says: "--poweroff=maybe: not one of"},
	{name: "SIGPWR, and the command does not end", args: direct("sh", "-c", "trap : TERM; kill -PWR 1; while :; do sleep 1; done"), status: 137, signal: "SIGKILL"},
	{name: "version", args: []string{"--version"}, says: "tincan 0"},
	{name: "help", args: []string{"--help"}, says: "Usage: tincan"},
}

// TestPowerOff boots a machine for each of them.
func TestPowerOff(t *testing.T) {
	t.Parallel()
	bootEach(t, powers, Machine.Boot)
}

// stopAfter switches the machine off ten seconds after a text has appeared on the console, which
// counts as a Timeout. A machine that powers off by itself does so earlier.
func (m *Machine) stopAfter(text string) {
	stop := make(chan bool)
	m.Stop = stop
	m.Watch = &listener{text: text, heard: func() { time.AfterFunc(10*time.Second, func() { close(stop) }) }}
}

// listener is a console that calls heard once, when a text has appeared.
type listener struct {
	text  string
	so    string // what has appeared so far
	heard func()
}

// Write implements io.Writer.
func (l *listener) Write(b []byte) (int, error) {
	if l.so += string(b); l.heard != nil && strings.Contains(l.so, l.text) {
		l.heard()
		l.heard = nil
	}
	return len(b), nil
}

// TestDebugExit checks qemu's own exit status, which its isa-debug-exit device sets.
func TestDebugExit(t *testing.T) {
	t.Parallel()
	if archUnderTest() != "amd64" {
		t.Skip("only amd64 has the device")
	}
	m := withRootfs(t)
	for _, c := range []struct {
		status string
		qemu   int
	}{{"0", 1}, {"7", 15}, {"255", 255}} {
		with := m
		with.Args, with.DebugExit = append([]string{"--debug-exit"}, inContainer("sh", "-c", "exit "+c.status)...), true
		o := boot(t, with)
		if o.Kind != Verdict || o.QEMU != c.qemu {
			t.Errorf("exit %s: qemu's status is %d, want %d: %v", c.status, o.QEMU, c.qemu, o)
		}
	}
	m.Args = append([]string{"--debug-exit"}, inContainer("true")...)
	ends{says: "--debug-exit: there is no device at port 0x501"}.check(t, boot(t, m))
}

// TestCrashIsReported checks that a crash of tincan is reported like any other end. /init is a
// build in which a step of the plan can be removed (sabotage.go).
func TestCrashIsReported(t *testing.T) {
	t.Parallel()
	k := kernel(t, archUnderTest(), "6.12")
	i := image(t, k)
	i.Init = program(t, k.Arch, "tincan", true)
	i.Add = []string{rootfs(t, k.Arch) + ":/vm/rootfs"}
	o := boot(t, Machine{Kernel: k, Initrd: written(t, i), Memory: 512, Append: []string{"TINCAN_TEST_SABOTAGE=crash"}, Args: inContainer("true")})
	ends{status: 125, says: "tincan itself crashed"}.check(t, o)
	if !strings.Contains(o.Result.Error, "nil pointer") {
		t.Errorf("the report's error: %q", o.Result.Error)
	}
}

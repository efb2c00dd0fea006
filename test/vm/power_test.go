// What becomes of the machine at the end, and a crash of tincan itself.
package vm

import (
	"strings"
	"testing"
	"time"
)

// powers are boots that do not just run a command and power off.
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

func TestPowerOff(t *testing.T) {
	t.Parallel()
	bootEach(t, powers, Machine.Boot)
}

// stopAfter switches the machine off ten seconds after it has said something, which
// is a Timeout. One that powers off by itself does so in the first of them.
func (m *Machine) stopAfter(text string) {
	stop := make(chan bool)
	m.Stop = stop
	m.Watch = &listener{text: text, heard: func() { time.AfterFunc(10*time.Second, func() { close(stop) }) }}
}

// listener is a console that calls heard once, when the text has come by.
type listener struct {
	text  string
	so    string // what has come so far
	heard func()
}

func (l *listener) Write(b []byte) (int, error) {
	if l.so += string(b); l.heard != nil && strings.Contains(l.so, l.text) {
		l.heard()
		l.heard = nil
	}
	return len(b), nil
}

// qemu's own exit status, by its isa-debug-exit device.
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

// A crash of tincan is a report like any other. Here /init is a build of the program that
// takes a step of the plan away (sabotage.go).
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

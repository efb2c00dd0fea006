package vm

// Booting a machine, and how the boot ended.
//
// qemu(1), Documentation/admin-guide/kernel-parameters.rst (panic, quiet, `--`).
//
// qemu exits with 0 after a power-off, a restart and a panic alike. So its status is ignored; what
// counts is the verdict that PID 1 writes to the virtio-serial port `result`. Everything else is
// read from the console.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Machine describes a boot.
type Machine struct {
	Kernel *Kernel
	Initrd string
	Args   []string      // init's arguments, after -- on the kernel's command line
	Append []string      // more words for the kernel, before the --
	Memory int           // in MiB; 0 stands for 256
	Disk   string        // a file that is /dev/vda, if not empty
	Within time.Duration // how long it may take; 0 stands for two minutes
	Watch  io.Writer     // gets the console's bytes as they come, if not nil
	Stop   <-chan bool   // when it is closed, the machine is switched off

	DebugExit bool // with QEMU's isa-debug-exit device
}

// Kind is how a boot ended.
type Kind string

// The ways in which a boot can end. Only a Verdict has the end of the command.
const (
	Verdict   Kind = "verdict"
	Panic     Kind = "kernel panic"
	Timeout   Kind = "timeout"
	NoVerdict Kind = "no verdict" // the machine went off, but PID 1 did not say how the command ended
)

// Result is what PID 1 writes to the port `result`.
type Result struct {
	Status    int     `json:"status"`
	Signal    *string `json:"signal"`
	OOMKilled bool    `json:"oom_killed"`
	TimedOut  bool    `json:"timed_out"`
	Seconds   float64 `json:"duration"`
	Error     string  `json:"error"`
}

// Outcome describes how a boot ended.
type Outcome struct {
	Kind    Kind
	Result  Result // of a Verdict
	Panic   string // the message of the panic
	Console string
	Tests   string // the output on the port `tests`
	Took    time.Duration
	CPU     time.Duration // qemu's processor time
	QEMU    int           // qemu's exit status, if the machine has DebugExit
	Repeats int           // boots before this one in which the kernel died before init
}

// String describes the outcome, with the end of the console, for messages.
func (o Outcome) String() string {
	s := string(o.Kind)
	switch o.Kind {
	case Verdict:
		s += fmt.Sprintf(": status %d", o.Result.Status)
		if o.Result.Signal != nil {
			s += " " + *o.Result.Signal
		}
		if o.Result.OOMKilled {
			s += " (out of memory)"
		}
	case Panic:
		s += ": " + o.Panic
	}
	return fmt.Sprintf("%s after %.1f s\nthe console's end:\n%s", s, o.Took.Seconds(), tail(o.Console, 40))
}

// tail returns the last lines of a text, indented.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n"), "\n")
	return "    " + strings.Join(all[max(0, len(all)-lines):], "\n    ")
}

// qemu has what differs between architectures.
var qemu = map[string]struct {
	program, console string
	machine          []string
}{
	// -cpu max: without its random number instructions, getrandom(2) waits for seconds.
	"amd64": {"qemu-system-x86_64", "ttyS0", []string{"-M", "pc", "-cpu", "max"}},
	// This processor is the quickest to emulate.
	"arm64": {"qemu-system-aarch64", "ttyAMA0", []string{"-M", "virt", "-cpu", "cortex-a57"}},
}

// QEMU returns the program that boots an architecture, or an error that says how to install it.
func QEMU(arch string) (string, error) {
	p, err := exec.LookPath(qemu[arch].program)
	if err != nil {
		return "", fmt.Errorf("%s: apt-get install %s", qemu[arch].program, map[string]string{"amd64": "qemu-system-x86", "arm64": "qemu-system-arm"}[arch])
	}
	return p, nil
}

// Boot boots the machine. An error is one of this host; whatever happens in the machine is an
// Outcome. If the kernel dies before it starts init, which happens with two emulated processors,
// the machine is booted once more. Nothing else is repeated.
func (m Machine) Boot() (Outcome, error) {
	o, err := m.boot()
	if err == nil && o.Kind == Panic && o.Result == (Result{}) && !strings.Contains(o.Console, startsInit) {
		if o, err = m.boot(); err == nil {
			o.Repeats = 1
		}
	}
	return o, err
}

// startsInit is the line that the kernel prints before it starts init.
const startsInit = "Run /init as init process"

// boot boots the machine once.
func (m Machine) boot() (Outcome, error) {
	program, err := QEMU(m.Kernel.Arch)
	if err != nil {
		return Outcome{}, err
	}
	dir, err := os.MkdirTemp("", "tincan-vm-")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)
	if m.Within == 0 {
		m.Within = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.Within)
	defer cancel()
	line, err := m.line(dir)
	if err != nil {
		return Outcome{}, err
	}
	c := exec.CommandContext(ctx, program, line...)
	// qemu ends when this thread ends, however that happens (prctl(2): the signal comes with the
	// death of the thread, not of the process).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var console, errs bytes.Buffer
	c.Stdout, c.Stderr = &console, &errs
	if m.Watch != nil {
		c.Stdout = io.MultiWriter(&console, m.Watch)
	}
	go func() {
		select {
		case <-m.Stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	start := time.Now()
	err = c.Run()
	o := Outcome{Console: console.String(), Took: time.Since(start)}
	if s := c.ProcessState; s != nil {
		o.CPU = s.UserTime() + s.SystemTime()
	}
	var exit *exec.ExitError
	if m.DebugExit && ctx.Err() == nil && errors.As(err, &exit) && exit.Exited() {
		o.QEMU, err = exit.ExitCode(), nil
	}
	if err != nil && ctx.Err() == nil {
		return o, fmt.Errorf("%s: %w: %s", program, err, errs.String())
	}
	if b, err := os.ReadFile(filepath.Join(dir, "tests")); err == nil {
		o.Tests = string(b)
	}
	result, err := os.ReadFile(filepath.Join(dir, "result"))
	if err != nil {
		return o, err
	}
	o.classify(result, ctx.Err() != nil)
	return o, nil
}

// panicLine matches the kernel's line about a panic.
var panicLine = regexp.MustCompile(`Kernel panic - not syncing: *([^\r\n]*)`)

// classify sets the kind. A panic or a timeout counts as such even if it comes after the verdict,
// because the machine should have gone off.
func (o *Outcome) classify(result []byte, timedOut bool) {
	d := json.NewDecoder(bytes.NewReader(result))
	said := d.Decode(&o.Result) == nil
	p := panicLine.FindStringSubmatch(o.Console)
	switch {
	case p != nil:
		o.Kind, o.Panic = Panic, p[1]
	case timedOut:
		o.Kind = Timeout
	case !said:
		o.Kind = NoVerdict
	default:
		o.Kind = Verdict
	}
}

// line returns qemu's command line. The ports write to files in dir.
func (m Machine) line(dir string) ([]string, error) {
	q := qemu[m.Kernel.Arch]
	memory := m.Memory
	if memory == 0 {
		memory = 256
	}
	// loglevel: the line startsInit has level 6. panic=-1 and -no-reboot: qemu ends with the
	// machine.
	words := append([]string{"console=" + q.console, "panic=-1", "loglevel=7"}, m.Append...)
	if len(m.Args) > 0 {
		words = append(words, "--")
		for _, a := range m.Args {
			w, err := kernelWord(a)
			if err != nil {
				return nil, err
			}
			words = append(words, w)
		}
	}
	if len(m.Args) > 32 {
		return nil, errors.New("more than 32 words after the --: the kernel would panic; use --args-file")
	}
	// Use one thread for both processors. With a thread for each, a processor may run code that the
	// other one has just changed: the kernel's static keys change whenever a group is made, and
	// sometimes the kernel dies of its own int3. One thread is not slower.
	line := append([]string{}, q.machine...)
	line = append(line, "-accel", "tcg,thread=single", "-smp", "2", "-m", fmt.Sprint(memory), "-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-kernel", m.Kernel.Image, "-initrd", m.Initrd, "-append", strings.Join(words, " "),
		"-device", "virtio-serial-pci")
	for _, port := range []string{"result", "tests"} {
		line = append(line, "-chardev", "file,id="+port+",path="+filepath.Join(dir, port), "-device", "virtserialport,chardev="+port+",name="+port)
	}
	if m.DebugExit {
		line = append(line, "-device", "isa-debug-exit")
	}
	if m.Disk != "" {
		line = append(line, "-drive", "if=none,id=disk,format=raw,file="+m.Disk, "-device", "virtio-blk-pci,drive=disk")
	}
	return line, nil
}

// kernelWord returns a word in the form of the kernel's command line: double quotes group, and
// nothing can escape them.
func kernelWord(s string) (string, error) {
	if strings.ContainsAny(s, "\"\n") || s == "" {
		return "", fmt.Errorf("the word %q cannot be on the kernel's command line; use --args-file", s)
	}
	if strings.ContainsAny(s, " \t") {
		return `"` + s + `"`, nil
	}
	return s, nil
}

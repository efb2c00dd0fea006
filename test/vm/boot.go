package vm

// Booting, and what became of it.
//
// qemu(1), Documentation/admin-guide/kernel-parameters.rst (panic, quiet, `--`).
//
// qemu exits with 0 after a power-off, a restart and a panic alike, so its status says
// nothing: what counts is the verdict that PID 1 writes to the virtio-serial port
// `result`. Everything else is told from the console.

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

// Machine is a boot to be.
type Machine struct {
	Kernel *Kernel
	Initrd string
	Args   []string      // init's, after -- on the kernel's command line
	Append []string      // more words for the kernel, before the --
	Memory int           // MiB; 0 is 256
	Disk   string        // a file that is /dev/vda, if not empty
	Within time.Duration // 0 is two minutes
	Watch  io.Writer     // gets the console's bytes as they come, if not nil
	Stop   <-chan bool   // closed: switch it off

	DebugExit bool // with QEMU's isa-debug-exit device
}

// Kind is how a boot ended.
type Kind string

// These are told apart. Only a Verdict says what the command's end was.
const (
	Verdict   Kind = "verdict"
	Panic     Kind = "kernel panic"
	Timeout   Kind = "timeout"
	NoVerdict Kind = "no verdict" // the machine went off, and PID 1 had not said how the command ended
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

// Outcome is what became of a boot.
type Outcome struct {
	Kind    Kind
	Result  Result // of a Verdict
	Panic   string // the kernel's line
	Console string
	Tests   string // what was written to the port `tests`
	Took    time.Duration
	CPU     time.Duration // what qemu used of a processor
	QEMU    int           // its exit status, where the machine has DebugExit
	Repeats int           // boots before this one that died in the kernel before init
}

// String is for messages: the kind, and the end of the console.
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

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n"), "\n")
	return "    " + strings.Join(all[max(0, len(all)-lines):], "\n    ")
}

// qemu is what differs between architectures.
var qemu = map[string]struct {
	program, console string
	machine          []string
}{
	// -cpu max: without its random numbers getrandom(2) waits for seconds.
	"amd64": {"qemu-system-x86_64", "ttyS0", []string{"-M", "pc", "-cpu", "max"}},
	// This processor is the cheapest to imitate.
	"arm64": {"qemu-system-aarch64", "ttyAMA0", []string{"-M", "virt", "-cpu", "cortex-a57"}},
}

// QEMU gives the program that boots an architecture, or an error that says how to
// get it.
func QEMU(arch string) (string, error) {
	p, err := exec.LookPath(qemu[arch].program)
	if err != nil {
		return "", fmt.Errorf("%s: apt-get install %s", qemu[arch].program, map[string]string{"amd64": "qemu-system-x86", "arm64": "qemu-system-arm"}[arch])
	}
	return p, nil
}

// Boot boots it. An error is one of this side; whatever happens to the machine is an
// Outcome. A kernel that dies by itself before it starts init (seen with two emulated
// processors) is booted once more; nothing else is repeated.
func (m Machine) Boot() (Outcome, error) {
	o, err := m.boot()
	if err == nil && o.Kind == Panic && o.Result == (Result{}) && !strings.Contains(o.Console, startsInit) {
		if o, err = m.boot(); err == nil {
			o.Repeats = 1
		}
	}
	return o, err
}

// startsInit is the kernel's line before the first instruction of init.
const startsInit = "Run /init as init process"

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
	// It ends with this process, whatever ends that; prctl(2) says that it is the thread
	// that counts.
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

var panicLine = regexp.MustCompile(`Kernel panic - not syncing: *([^\r\n]*)`)

// classify decides. A panic or a timeout after the verdict is still one: the machine
// was to go off.
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

// line is qemu's command line. dir takes the ports' files.
func (m Machine) line(dir string) ([]string, error) {
	q := qemu[m.Kernel.Arch]
	memory := m.Memory
	if memory == 0 {
		memory = 256
	}
	// loglevel: the line of startsInit is one of level 6. panic=-1 and -no-reboot: the
	// end of the machine is the end of qemu.
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
	// One thread for both processors. With one each, the one may run code that the other
	// has just changed: the kernel's static keys change whenever a group is made, and now
	// and then it dies of its own int3. It is no slower either.
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

// kernelWord is a word as the kernel's command line takes it: double quotes group,
// and nothing escapes them.
func kernelWord(s string) (string, error) {
	if strings.ContainsAny(s, "\"\n") || s == "" {
		return "", fmt.Errorf("the word %q cannot be on the kernel's command line; use --args-file", s)
	}
	if strings.ContainsAny(s, " \t") {
		return `"` + s + `"`, nil
	}
	return s, nil
}

// The commands tincan seccomp show, compile and eval: print a filter, write it to a file, ask it
// about a call.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccompCmd is the command line of `tincan seccomp`.
type seccompCmd struct {
	Show    seccompShow    `cmd:"" help:"Print a filter: its rules, its BPF, its size, and what it leaves open."`
	Compile seccompCompile `cmd:"" help:"Write a filter as raw struct sock_filter, as bwrap --seccomp takes it."`
	Eval    seccompEval    `cmd:"" help:"Print what a filter does with a call: ALLOW, ERRNO(1), KILL_PROCESS..."`
}

// profileFor holds the flags that all three commands have.
type profileFor struct {
	Caps       []string `help:"Capabilities held in the container, for a profile's includes and excludes: names, or ALL." placeholder:"CAP"`
	Arch       string   `help:"Architecture: x86_64, x86, x32, arm64, arm, riscv64. The machine's own if not given." placeholder:"ARCH"`
	StrictInts bool     `name:"seccomp-strict-ints" help:"Compare arguments that are ints in the kernel on 32 bits, as the kernel does."`
}

// read returns the policy (nil for none) and the ABI that is asked about. It may be another ABI
// of the same kernel.
func (f profileFor) read(spec string) (*policy, []string, *abi, error) {
	a, err := abiNamed(f.Arch)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("--arch=%s: %w", f.Arch, err)
	}
	held := make([]string, 0, len(f.Caps))
	for _, c := range f.Caps {
		c = strings.ToUpper(c)
		if c == "ALL" {
			held = append(held, strings.Fields(capabilityNames)...)
			continue
		}
		if !strings.HasPrefix(c, "CAP_") {
			c = "CAP_" + c
		}
		if !slices.Contains(strings.Fields(capabilityNames), c) {
			_, err := parseCap("--caps", c, len(capabilityTable)-1)
			return nil, nil, nil, err
		}
		held = append(held, c)
	}
	p, warnings, err := seccompPolicyFor(a.native(), spec, held, f.StrictInts)
	if failed := (*os.PathError)(nil); err != nil && !errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w", spec, err)
	}
	return p, warnings, a, err
}

// capabilityNames lists all names of capabilities(7), for --caps=ALL.
const capabilityNames = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID " +
	"CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK " +
	"CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT " +
	"CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL " +
	"CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF " +
	"CAP_CHECKPOINT_RESTORE"

// seccompShow is the command line of `tincan seccomp show`.
type seccompShow struct {
	Profile string `arg:"" optional:"" default:"default" help:"default, setid, tutorial, none, or a profile's file."`
	profileFor
}

// Run is called by kong.
func (c *seccompShow) Run() error { return c.show(os.Stdout) }

// show prints the filter.
func (c *seccompShow) show(out io.Writer) error {
	p, warnings, a, err := c.read(c.Profile)
	if err != nil {
		return err
	}
	if p == nil {
		_, err := fmt.Fprintln(out, "no filter: every call is allowed")
		return err
	}
	prog, err := p.compile()
	if err != nil {
		return err
	}
	cost, err := measure(p, prog, a)
	if err != nil {
		return err
	}
	w := &lineWriter{out: out}
	w.line("# The filter %q for %s. Calls of any other ABI: %s.", p.name, a.native().name, killProcess)
	w.line("\n# Rules, by call; the first rule that matches decides.\n")
	w.text(p.String())
	w.section("Doubtful rules of the profile", warnings)
	w.section("Left out", p.notes)
	w.line("\n# The filter: %d instructions.\n", len(prog))
	w.text(listing(prog))
	w.line("\n# Cost for %s.\n", a.name)
	w.line("mean: %.2f instructions per call, over the calls of ordinary programs; worst case: %d (%s)", cost.mean, cost.worst, cost.worstCall)
	w.line("%d calls never run the filter: the kernel remembers, when the filter is installed, that they are always allowed", cost.free)
	w.line("allowed, but the filter runs each time: %s", fold(strings.Join(cost.asked, " "), 100, "  "))
	open := p.lint()
	if len(open) == 0 {
		open = []string{"nothing that tincan checks for"}
	}
	w.section("What it leaves open", open)
	return w.err
}

// lineWriter writes lines and keeps the first error.
type lineWriter struct {
	out io.Writer
	err error
}

func (w *lineWriter) text(s string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.out, printable(s))
	}
}

func (w *lineWriter) line(format string, args ...any) { w.text(fmt.Sprintf(format, args...) + "\n") }

func (w *lineWriter) section(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w.line("\n# %s.\n", title)
	for _, l := range lines {
		w.line("- %s", fold(l, 116, "  "))
	}
}

// seccompCompile is the command line of `tincan seccomp compile`.
type seccompCompile struct {
	Profile string `arg:"" help:"default, setid, tutorial, or a profile's file."`
	Output  string `short:"o" required:"" help:"Where to write the filter; - for standard output." placeholder:"FILE"`
	profileFor
}

// Run is called by kong.
func (c *seccompCompile) Run() error { return c.compile(os.Stdout, os.Stderr) }

// compile writes the filter.
func (c *seccompCompile) compile(out, errs io.Writer) error {
	p, warnings, _, err := c.read(c.Profile)
	if err != nil {
		return err
	}
	if p == nil {
		return fmt.Errorf("seccomp compile none: there is no filter to write; give default, setid, tutorial or a file")
	}
	prog, err := p.compile()
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(errs, "tincan: "+printable(w))
	}
	if c.Output == "-" {
		_, err = out.Write(rawFilter(prog))
		return err
	}
	f, done, err := createOutput(c.Output, 0o644)
	if err != nil {
		return fmt.Errorf("-o %s: %w", c.Output, err)
	}
	_, err = f.Write(rawFilter(prog))
	return errors.Join(err, done(err == nil))
}

// rawFilter returns the program as it is in memory: struct sock_filter, in the machine's byte
// order.
func rawFilter(prog []unix.SockFilter) []byte {
	if len(prog) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&prog[0])), len(prog)*int(unsafe.Sizeof(prog[0])))
}

// seccompEval is the command line of `tincan seccomp eval`.
type seccompEval struct {
	Profile string   `arg:"" help:"default, setid, tutorial, none, or a profile's file."`
	Syscall string   `arg:"" help:"The call's name or number."`
	Args    []string `arg:"" optional:"" help:"Its arguments: numbers, also 0x and 0 for octal; missing ones are 0."`
	profileFor
}

// Run is called by kong.
func (c *seccompEval) Run() error { return c.eval(os.Stdout) }

// eval prints the verdict on a call.
func (c *seccompEval) eval(out io.Writer) error {
	p, _, a, err := c.read(c.Profile)
	if err != nil {
		return err
	}
	call, err := parseCall(a, c.Syscall, c.Args)
	if err != nil {
		return err
	}
	if p == nil {
		_, err := fmt.Fprintln(out, allow)
		return err
	}
	prog, err := p.compile()
	if err != nil {
		return err
	}
	got, _, err := runFilter(prog, &call)
	if err != nil {
		return err
	}
	if want, _ := p.eval(call); want != got {
		return fmt.Errorf("the filter answers %s, but the rules answer %s: this is a bug in tincan's compiler; please report it, with the profile", got, want)
	}
	_, err = fmt.Fprintln(out, got)
	return err
}

// parseCall returns a call from its name or number and its arguments.
func parseCall(a *abi, name string, args []string) (c sysCall, err error) {
	c.arch = a.audit
	nr, known := a.number(name)
	if !known {
		n, err := strconv.ParseUint(name, 0, 32)
		if err != nil {
			said := "give a name or a number"
			var names []string
			for _, n := range a.byName {
				names = append(names, n.name)
			}
			if near := nearest(name, names); near != "" {
				said = "did you mean " + near + "?"
			}
			return c, fmt.Errorf("%q: %s has no such call; %s", name, a.name, said)
		}
		nr = uint32(n)
	}
	c.nr = nr
	if len(args) > len(c.args) {
		return c, fmt.Errorf("%d arguments: a call has at most %d", len(args), len(c.args))
	}
	for i, s := range args {
		if c.args[i], err = strconv.ParseUint(s, 0, 64); err != nil {
			n, err := strconv.ParseInt(s, 0, 64)
			if err != nil {
				return c, fmt.Errorf("argument %d: %q: not a number, such as 4, -1, 0x5412 or 04755", i, s)
			}
			c.args[i] = uint64(n)
		}
	}
	return c, nil
}

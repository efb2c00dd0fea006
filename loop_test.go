// The loop of clone.go makes system calls and does nothing else.
package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// loopFunctions are the functions that run in the child, between clone3 and execve.
var loopFunctions = []string{
	"main.launchChild", "main.walk", "main.(*childPlan).reap", "main.fail", "main.startMonitor",
}

// stubFunctions are what a raw system call goes through, down to the instruction.
// Nothing below them is called: the test follows every call.
var stubFunctions = []string{
	"main.rawCall", // what the linker puts in front of it, and the instructions
}

// instruction is a line of `go tool objdump`.
var instruction = regexp.MustCompile(`^\s+(\S+:\d+)\s+0x[0-9a-f]+\s+[0-9a-f]+\s+(.*?)\s*$`)

// function is a disassembled function: where it goes, and by which instruction.
type function struct {
	calls        map[string]string // to a symbol, and the line it is in
	indirect     []string          // to wherever a register points
	instructions int
	system       int // system call instructions
}

// branches of the three architectures, as objdump shows them in Go's notation. One
// within the function has a number or "N(PC)"; any other has a symbol or a register,
// and is a call or a tail call. (Conditional branches never leave a function, except
// on amd64, where they are J and a condition.)
var branches = regexp.MustCompile(`^(CALL|JMP|JALR?|BLR?|BR?|J[A-Z]+)\s+(.*)$`)

var local = regexp.MustCompile(`^(0x[0-9a-f]+|-?[0-9]+\(PC\))$`)

// disassemble gives the functions whose names match, by name without their ABI.
func disassemble(t *testing.T, bin, match string) map[string]*function {
	t.Helper()
	out, err := exec.Command("go", "tool", "objdump", "-s", match, bin).Output()
	if err != nil {
		t.Fatalf("go tool objdump: %v", err)
	}
	return parseObjdump(string(out))
}

func parseObjdump(out string) map[string]*function {
	functions := map[string]*function{}
	var f *function
	for line := range strings.SplitSeq(out, "\n") {
		if rest, ok := strings.CutPrefix(line, "TEXT "); ok {
			f = &function{calls: map[string]string{}}
			name, _, _ := strings.Cut(rest, "(SB)") // an instance's types have blanks in their names
			if !trampoline.MatchString(name) {      // it stands for its target
				functions[symbol(name)] = f
			}
			continue
		}
		m := instruction.FindStringSubmatch(line)
		if m == nil || f == nil {
			continue
		}
		f.instructions++
		at, text := m[1], m[2]
		if op, _, _ := strings.Cut(text, " "); op == "SYSCALL" || op == "SVC" || op == "ECALL" {
			f.system++
		}
		b := branches.FindStringSubmatch(text)
		if b == nil {
			continue
		}
		operands := strings.Split(b[2], ", ")
		to := operands[len(operands)-1]
		switch {
		case strings.HasSuffix(to, "(SB)"):
			f.calls[symbol(to)] = at
		case !local.MatchString(to) && !isReturn(text):
			f.indirect = append(f.indirect, at+" "+text)
		}
	}
	return functions
}

// isReturn: riscv64 has no return instruction but a jump to the link register, X1.
func isReturn(text string) bool { return text == "JALR X0, X1" || text == "JMP (X1)" }

// symbol is an operand without (SB). A function and the wrapper of it for the other
// calling convention, with .abi0, are two. A trampoline, which the linker puts in between
// where a call's distance is too far for one instruction (riscv64: 1 MiB), is its target.
func symbol(s string) string { return trampoline.ReplaceAllString(strings.TrimSuffix(s, "(SB)"), "") }

var trampoline = regexp.MustCompile(`-tramp[0-9]+$`)

// plain is a symbol's name in the source.
func plain(s string) string { return strings.TrimSuffix(s, ".abi0") }

// reached follows every call from the loop's functions, and gives all functions
// that can run in the child.
func reached(t *testing.T, bin string) map[string]*function {
	t.Helper()
	all := disassemble(t, bin, `^main\.(launchChild|walk|fail|startMonitor|\(\*childPlan\)\.reap)$|main\.rawCall`)
	todo := slices.Clone(loopFunctions)
	seen := map[string]*function{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if _, ok := seen[name]; ok {
			continue
		}
		seen[name] = all[name]
		if all[name] == nil {
			continue // not one of those we know: reported by the caller
		}
		for to := range all[name].calls {
			todo = append(todo, to)
		}
	}
	return seen
}

// TestLoopMakesRawSystemCallsOnly disassembles the binary and looks at every call.
// What may not be there is whatever the compiler adds on its own: the growth of the
// stack (runtime.morestack), bounds checks (runtime.panicIndex), write barriers
// (runtime.gcWriteBarrier), the copying and clearing of memory (runtime.memmove,
// memclr, typedmemmove, duffcopy, duffzero), allocation (runtime.newobject).
func TestLoopMakesRawSystemCallsOnly(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		t.Run(arch, func(t *testing.T) {
			checkLoop(t, buildFor(t, []string{"GOARCH=" + arch})) // go vet has compiled what it is made of
		})
	}
}

func checkLoop(t *testing.T, bin string) {
	t.Helper()
	allowed := append(slices.Clone(loopFunctions), stubFunctions...)
	var found []string
	system := 0
	functions := reached(t, bin)
	for name, f := range functions {
		if !slices.Contains(allowed, plain(name)) {
			for caller, c := range functions {
				if c != nil && c.calls[name] != "" {
					t.Errorf("%s (%s) calls %s", caller, c.calls[name], name)
				}
			}
			continue
		}
		if f == nil || f.instructions == 0 {
			t.Errorf("%s: not in the binary: has it been inlined, or renamed?", name)
			continue
		}
		found = append(found, plain(name))
		for _, i := range f.indirect {
			t.Errorf("%s: an indirect call: %s", name, i)
		}
		if name == "main.rawCall.abi0" {
			system = f.system
		}
	}
	for _, name := range allowed {
		if !slices.Contains(found, name) {
			t.Errorf("%s: nothing of the loop comes there: has it been inlined, or renamed?", name)
		}
	}
	if system != 1 {
		t.Errorf("main.rawCall has %d system call instructions, want 1", system)
	}
	// The other way round: the test must be able to see what it looks for. Both are
	// ordinary Go, and the second calls the function that prints an argument.
	seen := disassemble(t, bin, `^main\.(startChild|\(\*step\)\.String)$`)
	grows := func(f *function) bool {
		for to := range f.calls {
			if strings.HasPrefix(to, "runtime.morestack") {
				return true
			}
		}
		return false
	}
	if f := seen["main.startChild"]; f == nil || !grows(f) {
		t.Error("no runtime.morestack in main.startChild: the disassembly is not understood")
	}
	if f := seen["main.(*step).String"]; f == nil || len(f.indirect) == 0 {
		t.Error("no indirect call in main.(*step).String: the disassembly is not understood")
	}
}

// TestLoopInOtherBuilds: the builds in which the compiler adds most. Each must
// start a container.
func TestLoopInOtherBuilds(t *testing.T) {
	for _, b := range []struct {
		name  string
		env   []string
		flags []string
		cc    bool // cgo, and so a C compiler
		loop  bool // the loop is made of the same calls
	}{
		{"release", nil, releaseFlags, false, false}, // no symbols to look at: hence the next
		{"release with symbols", nil, []string{"-trimpath", "-gcflags", "all=-l", "-ldflags", "-funcalign=1"}, false, true},
		// Without optimisation an index is checked even if it cannot fail: the call is
		// there and not made. What this shows is that the stack suffices.
		{"no optimisation", nil, []string{"-gcflags=-N -l"}, false, false},
		{"coverage set", nil, []string{"-cover", "-covermode=set"}, false, true},
		{"coverage count", nil, []string{"-cover", "-covermode=atomic"}, false, true},
		{"race", []string{"CGO_ENABLED=1"}, []string{"-race"}, true, true},
	} {
		t.Run(b.name, func(t *testing.T) {
			if b.cc {
				if _, err := exec.LookPath("gcc"); err != nil {
					missing(t, "gcc is not here: -race needs cgo")
				}
			}
			bin := buildFor(t, append([]string{"GOARCH=" + runtime.GOARCH}, b.env...), b.flags...)
			if b.loop {
				checkLoop(t, bin)
			}
			if os.Geteuid() != 0 {
				missing(t, "not root: the container itself is not started")
			}
			for _, mode := range [][]string{{}, {"--no-init"}, {"--debug"}} {
				cmd := exec.Command(bin, append(append([]string{"run"}, mode...), "--no-cgroup", "--", "sh", "-c", "exit 3")...)
				cmd.Env = append(os.Environ(), "GOCOVERDIR="+t.TempDir())
				out, err := cmd.CombinedOutput()
				if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
					t.Errorf("%v: %v, want status 3\n%s", mode, err, out)
				}
			}
		})
	}
}

// The loop of clone.go makes system calls and nothing else: the tests disassemble it.
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

// stubFunctions are the functions through which a raw system call goes, down to the instruction.
// They call nothing else: the test follows every call.
var stubFunctions = []string{
	"main.rawCall",     // the linker's wrapper, and the instructions
	"main.cloneShared", // likewise
}

// instruction is a line of `go tool objdump`.
var instruction = regexp.MustCompile(`^\s+(\S+:\d+)\s+0x[0-9a-f]+\s+[0-9a-f]+\s+(.*?)\s*$`)

// function is a disassembled function: which functions it calls, and with which instruction.
type function struct {
	calls        map[string]string // the line of the call, by symbol
	indirect     []string          // calls through a register
	instructions int               // number of instructions
	system       int               // number of system call instructions
}

// branches matches the branches of the three architectures, as objdump shows them in Go's notation.
// A branch within the function has a number or "N(PC)"; any other has a symbol or a register, and
// is a call or a tail call. (Conditional branches never leave a function. On amd64 they are written
// as J and a condition, and match as well.)
var branches = regexp.MustCompile(`^(CALL|JMP|JALR?|BLR?|BR?|J[A-Z]+)\s+(.*)$`)

var local = regexp.MustCompile(`^(0x[0-9a-f]+|-?[0-9]+\(PC\))$`)

// disassemble returns the functions whose names match, by symbol.
func disassemble(t *testing.T, bin, match string) map[string]*function {
	t.Helper()
	out, err := exec.Command("go", "tool", "objdump", "-s", match, bin).Output()
	if err != nil {
		t.Fatalf("go tool objdump: %v", err)
	}
	return parseObjdump(string(out))
}

// parseObjdump reads the output of `go tool objdump`.
func parseObjdump(out string) map[string]*function {
	functions := map[string]*function{}
	var f *function
	for line := range strings.SplitSeq(out, "\n") {
		if rest, ok := strings.CutPrefix(line, "TEXT "); ok {
			f = &function{calls: map[string]string{}}
			name, _, _ := strings.Cut(rest, "(SB)") // the name of a generic function's instance may contain blanks
			if !trampoline.MatchString(name) {      // calls of a trampoline count as calls of its target
				functions[symbolOf(name)] = f
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
			f.calls[symbolOf(to)] = at
		case !local.MatchString(to) && !isReturn(text):
			f.indirect = append(f.indirect, at+" "+text)
		}
	}
	return functions
}

// isReturn reports whether a branch is a return. On riscv64, a return is a jump to the link
// register, X1.
func isReturn(text string) bool { return text == "JALR X0, X1" || text == "JMP (X1)" }

// symbolOf returns the symbol of an operand, without (SB). A function, and its wrapper for the other
// calling convention, whose name ends in .abi0, are different symbols. A trampoline, which the
// linker inserts where the target is too far away for one instruction (1 MiB on riscv64), counts as
// its target.
func symbolOf(s string) string { return trampoline.ReplaceAllString(strings.TrimSuffix(s, "(SB)"), "") }

var trampoline = regexp.MustCompile(`-tramp[0-9]+$`)

// withoutABI returns the name that a symbol has in the source.
func withoutABI(s string) string { return strings.TrimSuffix(s, ".abi0") }

// reachedFunctions follows every call from the loop's functions, and returns all functions that can run in
// the child.
func reachedFunctions(t *testing.T, bin string) map[string]*function {
	t.Helper()
	all := disassemble(t, bin, `^main\.(launchChild|walk|fail|startMonitor|\(\*childPlan\)\.reap)$|main\.(rawCall|cloneShared)`)
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
			continue // not in the list: the caller reports it
		}
		for to := range all[name].calls {
			todo = append(todo, to)
		}
	}
	return seen
}

// TestLoopMakesRawSystemCallsOnly disassembles the binary and checks every call. The compiler may
// have added none of these: growth of the stack (runtime.morestack), bounds checks
// (runtime.panicIndex), write barriers (runtime.gcWriteBarrier), copying and clearing of memory
// (runtime.memmove, memclr, typedmemmove, duffcopy, duffzero), allocation (runtime.newobject).
func TestLoopMakesRawSystemCallsOnly(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		t.Run(arch, func(t *testing.T) {
			checkLoop(t, buildFor(t, []string{"GOARCH=" + arch})) // quick, because go vet has compiled the packages before
		})
	}
}

// checkLoop checks the calls of the loop in a binary.
func checkLoop(t *testing.T, bin string) {
	t.Helper()
	allowed := append(slices.Clone(loopFunctions), stubFunctions...)
	var found []string
	system := 0
	functions := reachedFunctions(t, bin)
	for name, f := range functions {
		if !slices.Contains(allowed, withoutABI(name)) {
			for caller, c := range functions {
				if c != nil && c.calls[name] != "" {
					t.Errorf("%s (%s) calls %s", caller, c.calls[name], name)
				}
			}
			continue
		}
		if f == nil || f.instructions == 0 {
			t.Errorf("%s is not in the binary: was it inlined or renamed?", name)
			continue
		}
		found = append(found, withoutABI(name))
		for _, i := range f.indirect {
			t.Errorf("%s: an indirect call: %s", name, i)
		}
		if name == "main.rawCall.abi0" {
			system = f.system
		}
	}
	for _, name := range allowed {
		if !slices.Contains(found, name) {
			t.Errorf("the loop does not reach %s: was it inlined or renamed?", name)
		}
	}
	if system != 1 {
		t.Errorf("main.rawCall has %d system call instructions, want 1", system)
	}
	// The converse: the test must see what it looks for. Both functions are ordinary Go. The second
	// calls, through a pointer, the function that prints an argument.
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
		t.Error("no runtime.morestack in main.startChild: the test does not understand the disassembly")
	}
	if f := seen["main.(*step).String"]; f == nil || len(f.indirect) == 0 {
		t.Error("no indirect call in main.(*step).String: the test does not understand the disassembly")
	}
}

// TestLoopInOtherBuilds checks the builds in which the compiler adds the most code. Each must start
// a container.
func TestLoopInOtherBuilds(t *testing.T) {
	for _, b := range []struct {
		name  string
		env   []string
		flags []string
		cc    bool // needs cgo, and so a C compiler
		loop  bool // the disassembly of the loop is checked
	}{
		{"release", nil, releaseFlags, false, false}, // has no symbols for the disassembler; the next build does
		{"release with symbols", nil, []string{"-trimpath", "-gcflags", "all=-l", "-ldflags", "-funcalign=1"}, false, true},
		// Without optimisation the compiler adds checks of indexes that cannot fail: the calls are
		// in the code, but never made. This build shows that the stack suffices.
		{"no optimisation", nil, []string{"-gcflags=-N -l"}, false, false},
		{"coverage set", nil, []string{"-cover", "-covermode=set"}, false, true},
		{"coverage count", nil, []string{"-cover", "-covermode=atomic"}, false, true},
		{"race", []string{"CGO_ENABLED=1"}, []string{"-race"}, true, true},
	} {
		t.Run(b.name, func(t *testing.T) {
			if b.cc {
				if _, err := exec.LookPath("gcc"); err != nil {
					missing(t, "gcc is not installed, and -race needs cgo")
				}
			}
			bin := buildFor(t, append([]string{"GOARCH=" + runtime.GOARCH}, b.env...), b.flags...)
			if b.loop {
				checkLoop(t, bin)
			}
			if os.Geteuid() != 0 {
				missing(t, "not root: no container is started")
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

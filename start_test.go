// What runs before Go's runtime must not need it: the test follows every call from begin.
package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// earlyFlags build the program as make does, but keep the symbols.
var earlyFlags = []string{"-trimpath", "-gcflags", "all=-l", "-ldflags", "-funcalign=1 -E main.entry"}

// harmless matches the functions of the runtime that the compiler calls by itself and that work
// before the runtime has started: they use only registers and the stack. Those that begin with
// panic are bounds checks; a failed one ends the program before the runtime, as it does with the
// runtime.
var harmless = regexp.MustCompile(`^runtime\.(memmove|memclrNoHeapPointers|memequal|memequal_varlen|cmpstring|duffzero|duffcopy|` +
	`panic[A-Za-z0-9]*|gcWriteBarrier[0-8]?|morestack|morestack_noctxt|wbZero|wbMove|convT64|goPanic[A-Za-z0-9]*)$`)

// functionsWith returns the functions with a directive: //tincan:runtime marks those that are called only
// with the runtime, //tincan:both those that check whether the runtime runs.
func functionsWith(t *testing.T, directive string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is || fn.Doc == nil || !slices.ContainsFunc(fn.Doc.List, func(c *ast.Comment) bool { return c.Text == directive }) {
				continue
			}
			name := "main."
			if fn.Recv != nil {
				switch r := fn.Recv.List[0].Type.(type) {
				case *ast.StarExpr:
					name += "(*" + r.X.(*ast.Ident).Name + ")."
				case *ast.Ident:
					name += r.Name + "."
				}
			}
			out[name+fn.Name.Name] = true
		}
	}
	return out
}

// sourceName returns a function's name as it is in the source, without the types of an instance and
// without its ABI.
func sourceName(symbol string) string {
	symbol, _, _ = strings.Cut(withoutABI(symbol), "[")
	return symbol
}

// checkStart follows every call from begin. It returns the calls that are not allowed, and the
// number of functions.
func checkStart(t *testing.T, bin string) (wrong []string, reached int) {
	t.Helper()
	all := disassemble(t, bin, `^main\.|^strings\.|^syscall\.|^internal/|^unicode|^math|^sync|^golang\.org/x/sys|^os\.|^bytes\.|^strconv\.|^(index|indexbyte|memeq|cmp)body$|^indexByteBig$`)
	withRuntime, both := functionsWith(t, "//tincan:runtime"), functionsWith(t, "//tincan:both")
	seen := map[string]bool{}
	todo := []string{"main.begin", "main.larger"} // larger is called through functions of both modes
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		f := all[name]
		if f == nil {
			wrong = append(wrong, name+": not in the disassembly")
			continue
		}
		if both[sourceName(name)] {
			continue
		}
		reached++
		for _, i := range f.indirect {
			wrong = append(wrong, name+": an indirect call: "+i)
		}
		for to, at := range f.calls {
			switch {
			case harmless.MatchString(withoutABI(to)), withRuntime[sourceName(to)]:
			case strings.HasPrefix(name, "internal/bytealg.") && to == "runtime.gopanic": // for functions that the architecture lacks
			case strings.HasPrefix(to, "runtime."), strings.HasPrefix(to, "fmt."), strings.HasPrefix(to, "os."):
				wrong = append(wrong, name+" ("+at+") calls "+to)
			default:
				todo = append(todo, to)
			}
		}
	}
	slices.Sort(wrong)
	return wrong, reached
}

// TestStartNeedsNoRuntime checks the program for each architecture.
func TestStartNeedsNoRuntime(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		t.Run(arch, func(t *testing.T) {
			bin := buildFor(t, []string{"GOARCH=" + arch}, earlyFlags...)
			wrong, reached := checkStart(t, bin)
			for _, w := range wrong {
				t.Error(w)
			}
			if reached < 100 {
				t.Errorf("only %d functions are reached from begin: the test does not understand the disassembly", reached)
			}
			t.Logf("%d functions from begin", reached)
			// No package variable may need code to get its value.
			out, err := exec.Command("go", "tool", "nm", bin).Output()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(out)) {
				if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[2], "main.init") && !strings.HasPrefix(f[2], "main.initS") {
					if f[2] == "main.init" || strings.HasPrefix(f[2], "main.init.") {
						t.Errorf("%s: a package variable gets its value from code, which does not run before the runtime", f[2])
					}
				}
			}
		})
	}
}

// TestStartIsSeenToNeedTheRuntime adds code to begin that is not allowed there, one kind after the
// other. The test must notice it.
func TestStartIsSeenToNeedTheRuntime(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: make test runs this")
	}
	text, err := os.ReadFile("start.go")
	if err != nil {
		t.Fatal(err)
	}
	const place = "early, kernelStack = true, stack\n"
	for _, c := range []struct{ name, code, more, want string }{
		{"append", "spoil(nil)\n", "var spoiled []string\nfunc spoil(l []string) { spoiled = append(l, `x`) }\n", "runtime.growslice"},
		{"fmt", "println_()\n", "func println_() { os.Stdout.WriteString(`x`) }\n", "os."},
		{"map", "spoil(`x`)\n", "var spoiled map[string]int\nfunc spoil(s string) { if spoiled[s] == 1 { sysExit(1) } }\n", "runtime.mapaccess"},
		{"concatenation", "spoil(`x`)\n", "var spoiled string\nfunc spoil(s string) { spoiled = s + spoiled }\n", "runtime.concatstring"},
		{"escaping literal", "spoil()\n", "var spoiled *sigaction\nfunc spoil() { spoiled = &sigaction{} }\n", "runtime.newobject"},
		{"indirect call", "spoiled()\n", "var spoiled = spoil\nfunc spoil() {}\nfunc unspoil() { spoiled = nil }\n", "an indirect call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			spoiled := strings.Replace(string(text), place, place+"\t"+c.code, 1) + "\n" + c.more
			if spoiled == string(text)+"\n"+c.more {
				t.Fatal("begin has changed: this test does not find its first line")
			}
			file := filepath.Join(dir, "start.go")
			if err := os.WriteFile(file, []byte(spoiled), 0o644); err != nil {
				t.Fatal(err)
			}
			here, err := filepath.Abs("start.go")
			if err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{here: file}})
			if err != nil {
				t.Fatal(err)
			}
			list := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(list, overlay, 0o644); err != nil {
				t.Fatal(err)
			}
			bin := buildFor(t, nil, append([]string{"-overlay", list}, earlyFlags...)...)
			wrong, _ := checkStart(t, bin)
			if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, c.want) }) {
				t.Errorf("%q does not mention %s", wrong, c.want)
			}
		})
	}
}

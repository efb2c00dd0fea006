// The binary: static, stripped, small, and with few dependencies.
package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// maxSize is the size that the binary may have: 5 MiB.
const maxSize = 5 << 20

// releaseFlags are the flags with which the Makefile builds the binary that is installed.
var releaseFlags = []string{"-trimpath", "-gcflags", "all=-l", "-ldflags", "-s -w -funcalign=1 -E main.entry -X main.version=test"}

// buildFor builds the program and returns the binary's name. Go's build cache makes a second build
// of the same program cheap.
func buildFor(t *testing.T, env []string, flags ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tincan")
	cmd := exec.Command("go", append(append([]string{"build", "-o", bin}, flags...), ".")...)
	cmd.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0", "GOOS=linux"}, env...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", strings.Join(env, " "), cmd.Args, err, out)
	}
	return bin
}

// missing skips the test because something is missing on this machine. With MUST_WORK=1, which CI
// sets, it fails the test instead, so that CI leaves no test out unnoticed.
func missing(t testing.TB, format string, a ...any) {
	t.Helper()
	if os.Getenv("MUST_WORK") == "1" {
		t.Fatalf("MUST_WORK=1, and "+format, a...)
	}
	t.Skipf("skipped: "+format, a...)
}

// TestBinary checks the binary of every supported architecture.
func TestBinary(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		t.Run(arch, func(t *testing.T) {
			bin := buildFor(t, []string{"GOARCH=" + arch}, releaseFlags...)
			fi, err := os.Stat(bin)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes, %.1f%% of what is allowed", fi.Size(), 100*float64(fi.Size())/maxSize)
			if fi.Size() > maxSize {
				t.Errorf("%d bytes, and %d are allowed (5 MiB)", fi.Size(), maxSize)
			}
			f, err := elf.Open(bin)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Type != elf.ET_EXEC {
				t.Errorf("type %v, want ET_EXEC", f.Type)
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
					t.Errorf("has a %v: it is not static", p.Type)
				}
			}
			if libs, _ := f.ImportedLibraries(); len(libs) > 0 {
				t.Errorf("needs %v: it is not static", libs)
			}
			for _, s := range []string{".symtab", ".debug_info", ".zdebug_info"} {
				if f.Section(s) != nil {
					t.Errorf("has a %s: it is not stripped", s)
				}
			}
		})
	}
}

// TestBinaryAsOthersSeeIt checks what file(1) and ldd(1) say about the binary.
func TestBinaryAsOthersSeeIt(t *testing.T) {
	bin := buildFor(t, []string{"GOARCH=" + runtime.GOARCH}, releaseFlags...)
	ask := func(tool string, want ...string) {
		t.Run(tool, func(t *testing.T) {
			p, err := exec.LookPath(tool)
			if err != nil {
				missing(t, "%s(1) is not installed", tool)
			}
			cmd := exec.Command(p, bin)
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			out, _ := cmd.CombinedOutput() // ldd's status is 1 for a static program
			for _, w := range want {
				if !strings.Contains(string(out), w) {
					t.Errorf("%s does not say %q:\n%s", tool, w, out)
				}
			}
		})
	}
	ask("file", "statically linked", "stripped")
	ask("ldd", "not a dynamic executable")
}

// TestVersion checks that the Makefile's -X sets the version. The linker does not complain if the
// variable has another name.
func TestVersion(t *testing.T) {
	bin := buildFor(t, []string{"GOARCH=" + runtime.GOARCH}, releaseFlags...)
	out, err := exec.Command(bin, "--version").CombinedOutput()
	if err != nil || string(out) != "tincan test\n" {
		t.Errorf("tincan --version: %q, %v; want \"tincan test\"", out, err)
	}
}

// TestDependencies checks which modules the binary consists of. The README has a reason for each
// of them; whoever adds one has to add a reason.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{
		"tincan":                     true,
		"github.com/alecthomas/kong": true,
		"golang.org/x/net":           true,
		"golang.org/x/sys":           true,
	}
	for _, m := range strings.Fields(string(out)) {
		if !allowed[m] {
			t.Errorf("the binary depends on %s", m)
			allowed[m] = true // report it once
		}
	}
	// Of golang.org/x, two packages are allowed.
	out, err = exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if strings.HasPrefix(p, "golang.org/x/") && p != "golang.org/x/net/bpf" && p != "golang.org/x/sys/unix" {
			t.Errorf("the binary depends on %s", p)
		}
		if p == "net" || p == "net/http" || p == "crypto/tls" {
			t.Errorf("the binary depends on %s: tincan does not need the network", p)
		}
	}
}

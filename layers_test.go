// The list of files in main.go is the architecture: every file is in it once, and uses only files
// in its own part of the list or above.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// upward lists the allowed exceptions: for a file, the files further down in the list that it uses.
// The test fails for a use that is not here, and for an entry that is no longer needed.
var upward = map[string][]string{
	// A failed call may be a step of the plan. Its text is made for the error.
	"errors.go": {"plan.go", "strace.go"},
	// A step holds the id maps that newuidmap is to write.
	"plan.go": {"idmaps.go"},
	// The entry point carries out a run.
	"start.go": {"launch.go"},
	// What the launcher does for a step is a method of the launcher, in the file of the step's
	// chapter.
	"cgroupdelegate.go": {"launch.go"},
	"cgroupdirs.go":     {"launch.go"},
	"mountverify.go":    {"launch.go"},
	"stdinfiles.go":     {"launch.go"},
	"mountidmap.go":     {"launch.go"},
	"stdpipes.go":       {"launch.go"},
	"newuidmap.go":      {"launch.go", "handshake.go"},
	// --seccomp-log changes the policy before the policy is compiled.
	"seccompstep.go": {"seccomplog.go"},
	// A machine's PID 1 does some things differently; a run may be recorded; and a run ends
	// with messages.
	"launch.go":   {"machine.go", "machinesetup.go", "main.go", "recordcmd.go"},
	"wait.go":     {"machine.go"},
	"statusfd.go": {"machine.go"},
	// --step shows the errnos that a step tolerates, as `tincan plan` does.
	"stepper.go": {"planprint.go"},
}

// readingOrder returns the list in main.go's package comment: the files in order, and the number of
// each file's part, from 0.
func readingOrder(t *testing.T) (parts map[string]int, files []string) {
	t.Helper()
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	parts = map[string]int{}
	part := -1
	row := regexp.MustCompile(`^//\t(\S+\.go)\s+\S`)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "package main") {
			break
		}
		if strings.HasPrefix(line, "// The ") && strings.HasSuffix(line, ":\n") {
			part++
		}
		if m := row.FindStringSubmatch(line); m != nil {
			matches, _ := filepath.Glob(m[1])
			if len(matches) == 0 {
				t.Errorf("main.go lists %s, which does not exist", m[1])
			}
			for _, f := range matches {
				if _, twice := parts[f]; twice {
					t.Errorf("main.go lists %s twice", f)
				}
				parts[f] = part
				files = append(files, f)
			}
		}
	}
	if part < 4 {
		t.Fatalf("only %d parts: has the list's form changed?", part+1)
	}
	return parts, files
}

// variants matches the files that belong to another file: one for each architecture or build.
var variants = regexp.MustCompile(`_(amd64|arm64|riscv64|other|off)\.go$`)

// TestReadingOrderIsComplete checks that main.go lists every file, and the pages name no other.
func TestReadingOrderIsComplete(t *testing.T) {
	parts, _ := readingOrder(t)
	all, _ := filepath.Glob("*.go")
	for _, f := range all {
		if _, listed := parts[f]; !listed && !strings.HasSuffix(f, "_test.go") && !variants.MatchString(f) {
			t.Errorf("%s is not in main.go's list", f)
		}
	}
	for _, page := range pages(t) {
		for _, f := range regexp.MustCompile(`[\w./-]*\b[a-z0-9_]+\.go\b`).FindAllString(page.text, -1) {
			if _, err := os.Stat(strings.TrimPrefix(f, "../")); err != nil && f != "syscall/exec_linux.go" { // which is Go's
				t.Errorf("%s mentions %s, which does not exist", page.file, f)
			}
		}
	}
}

// TestLayers checks every use of one file in another.
func TestLayers(t *testing.T) {
	parts, _ := readingOrder(t)
	fset := token.NewFileSet()
	var files []*ast.File
	all, _ := filepath.Glob("*.go")
	for _, name := range all {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_arm64.go") || strings.HasSuffix(name, "_riscv64.go") || strings.HasSuffix(name, "_other.go") || name == "sabotage.go" {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	// Imported packages do not matter here.
	conf := types.Config{Importer: noImporter{}, Error: func(error) {}, FakeImportC: true}
	pkg, _ := conf.Check("tincan", fset, files, info)
	if pkg == nil {
		t.Fatal("the package cannot be parsed")
	}
	part := func(file string) (string, int, bool) {
		base := variants.ReplaceAllString(file, ".go")
		p, listed := parts[base]
		return base, p, listed
	}
	uses, found := 0, map[string][]string{}
	for id, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		from, a, ok1 := part(fset.Position(id.Pos()).Filename)
		to, b, ok2 := part(fset.Position(object.Pos()).Filename)
		if !ok1 || !ok2 || from == to {
			continue
		}
		uses++
		if b > a && !slices.Contains(found[from], to) {
			found[from] = append(found[from], to)
		}
	}
	if uses < 1000 {
		t.Errorf("only %d uses between files: has the type checker failed?", uses)
	}
	for from, tos := range found {
		for _, to := range tos {
			if !slices.Contains(upward[from], to) {
				t.Errorf("%s uses %s, which is further down in main.go's list", from, to)
			}
		}
	}
	for from, tos := range upward {
		for _, to := range tos {
			if !slices.Contains(found[from], to) {
				t.Errorf("%s no longer uses %s: remove it from the list of exceptions", from, to)
			}
		}
	}
	t.Logf("%d uses between files", uses)
}

// noImporter is an importer that imports nothing.
type noImporter struct{}

// Import implements types.Importer.
func (noImporter) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("%s: not imported", path)
}

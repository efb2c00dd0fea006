// TUTORIAL.md and the source must name each other: every step of the tutorial has a section with
// its files and functions, and every file of a step is in that section.
package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// stepSections returns the sections of TUTORIAL.md, by their step.
func stepSections(t *testing.T) map[int]string {
	t.Helper()
	text, err := os.ReadFile("TUTORIAL.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[int]string{}
	for _, s := range regexp.MustCompile(`(?m)^## `).Split(string(text), -1) {
		if m := regexp.MustCompile(`^Step (\d+): `).FindStringSubmatch(s); m != nil {
			n, _ := strconv.Atoi(m[1])
			if sections[n] != "" {
				t.Errorf("TUTORIAL.md has two sections for step %d", n)
			}
			sections[n] = s
		}
	}
	return sections
}

// sourceRow matches a row of a section's first table: a link to a file, and names that the file
// declares.
var sourceRow = regexp.MustCompile("(?m)^\\| \\[([a-z0-9_]+\\.(?:go|s))\\]\\(([a-z0-9_.]+)\\) \\| ((?:`\\w+`(?:, )?)+) \\| \\S")

var quotedName = regexp.MustCompile("`(\\w+)`")

// declared reports whether a source file declares a function, type, variable or constant.
func declared(source, name string) bool {
	n := regexp.QuoteMeta(name)
	return regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + n + `\(` + // a function or a method
		`|^(type|var|const) ` + n + `\b|^\t` + n + `\s+=` + // or in a group
		`|^TEXT ·` + n + `\(`).MatchString(source)
}

// TestTutorialNamesTheSource checks that the files, functions and tests that a section names exist,
// and that each section has all its parts.
func TestTutorialNamesTheSource(t *testing.T) {
	sections := stepSections(t)
	tests := testNames(t)
	for n := 1; n <= 16; n++ {
		s := sections[n]
		if s == "" {
			t.Errorf("TUTORIAL.md has no section for step %d", n)
			continue
		}
		if n < len(chapters) && chapters[n].file != "" { // the files that tincan plan prints above the step's calls
			for file := range strings.SplitSeq(chapters[n].file, ", ") {
				if !strings.Contains(s, "\n| ["+file+"]("+file+") |") {
					t.Errorf("step %d: tincan plan names %s, but the section has no row for it", n, file)
				}
			}
		}
		rows := sourceRow.FindAllStringSubmatch(s, -1)
		if len(rows) == 0 {
			t.Errorf("step %d: the section names no file", n)
		}
		for _, row := range rows {
			source, err := os.ReadFile(row[1])
			if err != nil || row[1] != row[2] {
				t.Errorf("step %d: the link to %s has the text %s: %v", n, row[2], row[1], err)
			}
			for _, name := range quotedName.FindAllStringSubmatch(row[3], -1) {
				if !declared(string(source), name[1]) {
					t.Errorf("step %d: %s does not declare %s", n, row[1], name[1])
				}
			}
		}
		for _, part := range []string{"**What the kernel does.** ", "**What the published code gets wrong.** ", "**Man pages.** ", "```console\n$ "} {
			if strings.Count(s, part) == 0 {
				t.Errorf("step %d: %q is missing", n, part)
			}
		}
		named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(s, -1)
		if len(named) == 0 {
			t.Errorf("step %d: the section names no test", n)
		}
		for _, m := range named {
			if !tests[m[1]] {
				t.Errorf("step %d: there is no test %s", n, m[1])
			}
		}
		_, pages, _ := strings.Cut(s, "**Man pages.** ")
		if !regexp.MustCompile(`^[\w-]+\(\d\)`).MatchString(pages) {
			t.Errorf("step %d: the section names no man page", n)
		}
	}
	if len(sections) != 16 {
		t.Errorf("sections for the steps %v, want 1 to 16", slices.Sorted(maps.Keys(sections)))
	}
}

// testNames returns the names of all tests.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "test/*_test.go", "test/*/*_test.go", "test/*/*/*_test.go"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(text), -1) {
				names[m[1]] = true
			}
		}
	}
	return names
}

// stepNumbers returns the numbers in a text such as "10, 16", "1-4" or "7, 8 and 9 to 11".
func stepNumbers(text string) (steps []int) {
	text = strings.NewReplacer(" and ", ",", " to ", "-", " ", "").Replace(text)
	for part := range strings.SplitSeq(text, ",") {
		from, to, several := strings.Cut(part, "-")
		a, _ := strconv.Atoi(from)
		b := a
		if several {
			b, _ = strconv.Atoi(to)
		}
		for ; a <= b; a++ {
			steps = append(steps, a)
		}
	}
	slices.Sort(steps)
	return steps
}

// stepsOfFiles returns the steps of each file in main.go's list that has any.
func stepsOfFiles(t *testing.T) map[string][]int {
	t.Helper()
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	steps := map[string][]int{}
	for _, m := range regexp.MustCompile(`(?m)^//\t(\w+\.go)\s+(\d[\d, -]*): `).FindAllStringSubmatch(string(text), -1) {
		steps[m[1]] = stepNumbers(m[2])
	}
	if len(steps) < 60 {
		t.Fatalf("only %d files in main.go's list have steps: has the list's form changed?", len(steps))
	}
	return steps
}

// head returns the first paragraph of a file's first comment, before or after the package clause.
func head(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		comment, isComment := strings.CutPrefix(line, "// ")
		switch {
		case strings.HasPrefix(line, "package "), strings.HasPrefix(line, "//go:"), line == "\n", strings.HasPrefix(line, "//\n"),
			strings.HasPrefix(comment, "Code generated "), strings.HasPrefix(comment, "Go's runtime would"):
			if len(lines) > 0 {
				return strings.Join(lines, "")
			}
		case isComment:
			lines = append(lines, comment)
		default:
			return strings.Join(lines, "")
		}
	}
	return strings.Join(lines, "")
}

// TestSourceNamesItsStep checks that a file which has a step in main.go's list names the step in
// its first line, and is in that step's section of TUTORIAL.md, and that a file in a section has
// the step in main.go's list.
func TestSourceNamesItsStep(t *testing.T) {
	sections := stepSections(t)
	words := regexp.MustCompile(`^(?:Chapters?|Steps?) (\d+(?:(?:, | and | to )\d+)*)\b`)
	files := stepsOfFiles(t)
	for file, steps := range files {
		if m := words.FindStringSubmatch(head(t, file)); file == "main.go" {
			continue // its first comment is the list
		} else if m == nil || !slices.Equal(stepNumbers(m[1]), steps) {
			t.Errorf("%s: main.go's list has the steps %v, but the first line does not begin with Step or Chapter and these numbers: %q", file, steps, head(t, file))
		}
		for _, n := range steps {
			if !strings.Contains(sections[n], "\n| ["+file+"]("+file+") |") {
				t.Errorf("%s belongs to step %d, whose section of TUTORIAL.md has no row for it", file, n)
			}
		}
	}
	for n, s := range sections {
		for _, row := range sourceRow.FindAllStringSubmatch(s, -1) {
			if strings.HasSuffix(row[1], ".go") && !slices.Contains(files[row[1]], n) {
				t.Errorf("step %d's section of TUTORIAL.md has a row for %s, which main.go's list gives the steps %v", n, row[1], files[row[1]])
			}
		}
	}
}

// TestStepNumbers checks stepNumbers itself.
func TestStepNumbers(t *testing.T) {
	for text, want := range map[string][]int{"13": {13}, "1-4": {1, 2, 3, 4}, "10, 16": {10, 16}, "7-9, 11": {7, 8, 9, 11}, "7, 8, 9 and 11": {7, 8, 9, 11}, "1 to 4": {1, 2, 3, 4}, "10 and 16": {10, 16}} {
		if got := stepNumbers(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableWith returns the rows of the first table in text whose first row has these columns, with
// the columns' row first.
func tableWith(text string, columns ...string) (rows [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				return rows
			}
			continue
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		if rows != nil || slices.Equal(row[1:], columns) {
			rows = append(rows, row)
		}
	}
	return rows
}

// docs/compare.md says of each row of its table, and in it of each tool, how the cell was
// checked; the tests that it names are there; and what the README's table says, it says too.
func TestCompare(t *testing.T) {
	page, err := os.ReadFile("docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	tools := []string{"tincan", "bwrap", "nsjail", "minijail", "runc", "crun", "nspawn", "crabcan"}
	table := tableWith(string(page), tools...)
	if len(table) < 20 {
		t.Fatalf("%d rows", len(table))
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(page), "\n### ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		sections[title] = body
	}
	legend, _, _ := strings.Cut(string(page), "\n## When")
	for _, row := range table[2:] {
		if len(row) != 1+len(tools) {
			t.Errorf("%s: %d cells", row[0], len(row)-1)
		}
		for _, cell := range row[1:] {
			plain := slices.Contains([]string{"yes", "no", "AppArmor", "SELinux", "Landlock", "both"}, cell)
			if !plain && !strings.Contains(legend, "`"+cell+"`") {
				t.Errorf("%s: nothing explains %q", row[0], cell)
			}
		}
		about := sections[row[0]]
		delete(sections, row[0])
		if strings.Contains(about, "the others") || strings.Contains(about, "The others") {
			continue // each tool that has no item of its own is one of them
		}
		for _, tool := range tools {
			if !regexp.MustCompile(`\b` + tool + `\b`).MatchString(about) {
				t.Errorf("%s: nothing says how %s was checked", row[0], tool)
			}
		}
	}
	for title := range sections {
		t.Errorf("the table has no row %q", title)
	}

	tests := testNames(t)
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1) {
		if !tests[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}

	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	short := tableWith(string(readme), tools...)
	if len(short) < 15 {
		t.Errorf("README.md: %d rows in the table of tools", len(short))
	}
	for _, row := range short {
		if !strings.HasPrefix(row[0], "-") && !slices.ContainsFunc(table, func(r []string) bool { return slices.Equal(r, row) }) {
			t.Errorf("README.md: docs/compare.md has no such row: %s", strings.Join(row, " | "))
		}
	}
}

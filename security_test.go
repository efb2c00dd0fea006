package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSecurityTable checks that SECURITY.md's table has a row for each hole, in order, and that the
// files and tests that it names exist. A row without a test must say what is open.
func TestSecurityTable(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]*)\|$`).FindAllStringSubmatch(string(text), -1)
	if len(rows) != 43 {
		t.Errorf("%d rows, want 43", len(rows))
	}
	for i, r := range rows {
		number, files, names := r[1], strings.TrimSpace(r[3]), strings.TrimSpace(r[4])
		if number != strconv.Itoa(i+1) {
			t.Errorf("row %d has the number %s", i+1, number)
		}
		if files == "open" && names == "" {
			continue
		}
		for _, f := range strings.Split(files, ", ") {
			if _, err := os.Stat(f); err != nil {
				t.Errorf("row %s: %v", number, err)
			}
		}
		for _, n := range strings.Split(names, ", ") {
			if !tests[n] {
				t.Errorf("row %s: there is no %s", number, n)
			}
		}
	}
}

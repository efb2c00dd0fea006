// The man page: checked by the programs that print it, and compared with what the program accepts.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestManPageLint runs the tools that check or print man pages. They must print no warning.
func TestManPageLint(t *testing.T) {
	for _, line := range []string{
		"mandoc -Tlint -Wstyle docs/tincan.1",
		"groff -ww -man -Tutf8 -z docs/tincan.1",
		"man --warnings -E UTF-8 -l -Tutf8 -Z docs/tincan.1",
	} {
		words := strings.Fields(line)
		t.Run(words[0], func(t *testing.T) {
			c := exec.Command(shell(t, words[0]), words[1:]...)
			c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANROFFSEQ=")
			var said strings.Builder
			if c.Stderr = &said; words[0] == "mandoc" {
				c.Stdout = &said // the warnings
			}
			if err := c.Run(); err != nil || said.Len() > 0 {
				t.Errorf("%s: %v\n%s", line, err, said.String())
			}
		})
	}
}

// shownPage returns the page as a terminal of 200 columns shows it, with single blanks.
func shownPage(t *testing.T) string {
	t.Helper()
	c := exec.Command(shell(t, "groff"), "-man", "-Tascii", "-P-cbou", "-rLL=200n", "docs/tincan.1")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\s+`).ReplaceAllString(string(out), " ")
}

// TestManPageHasEverything checks that the page, as a reader sees it, has each command, each flag
// with its value, and each help text. A character that is special in the page's source must not get
// lost.
func TestManPageHasEverything(t *testing.T) {
	page, m := shownPage(t), modelOf(t)
	n := 0
	want := func(text string) {
		n++
		if text = strings.Join(strings.Fields(text), " "); !strings.Contains(page, text) {
			t.Errorf("not on the page: %s", text)
		}
	}
	for _, c := range m.commands {
		want("tincan " + c.path + " " + c.Help)
		for _, f := range m.flagsOf(c) {
			name := "--" + f.Name
			if f.Tag.Negatable != "" {
				name = "--[no-]" + f.Name
			}
			if f.Short != 0 {
				name = fmt.Sprintf("-%c, %s", f.Short, name)
			}
			if optional, is := optionalValue(f); is {
				name += "[=" + optional + "]"
			} else if !f.IsBool() {
				name += "=" + f.FormatPlaceHolder()
			}
			want(name + " " + f.Help)
		}
		for line := range strings.Lines(c.Detail) {
			if command, _, _ := strings.Cut(line, "   "); strings.HasPrefix(line, "  ") {
				want(command)
			} else if !strings.HasPrefix(line, "Exit status:") && !strings.HasPrefix(line, "Example") {
				want(line)
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d texts were checked", n)
	}
	for _, section := range strings.Split("NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS EXIT@STATUS ENVIRONMENT FILES EXAMPLES SEE@ALSO", " ") {
		want(" " + strings.ReplaceAll(section, "@", " ") + " ")
	}
	for _, status := range []int{statusTimedOut, statusFailed, 126, 127} {
		want(" " + strconv.Itoa(status) + " ")
	}
}

// TestManPageExamples checks that each command line among the examples is valid.
func TestManPageExamples(t *testing.T) {
	n := 0
	for _, c := range modelOf(t).commands {
		for line := range strings.Lines(c.Detail) {
			line = strings.TrimSpace(line)
			if line, _, _ = strings.Cut(line, "   "); !strings.HasPrefix(line, "tincan ") {
				continue
			}
			n++
			if _, err := parseArgs(withDefaultCommand(strings.Fields(line)[1:])); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d examples were checked", n)
	}
}

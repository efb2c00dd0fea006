// The arguments of a machine's PID 1, from the kernel's command line. test/vm boots machines.

package main

import (
	"slices"
	"strings"
	"testing"
)

// TestKernelArgs checks which arguments are found on which command line.
func TestKernelArgs(t *testing.T) {
	for _, c := range []struct {
		line  string
		given string // what the kernel passes: words joined by |
		want  string
	}{
		// The kernel stops at a second --.
		{"console=ttyS0 quiet -- run -m /rootfs --memory=64M -- /bin/test a", "run|-m|/rootfs|--memory=64M", "run|-m|/rootfs|--memory=64M|--|/bin/test|a"},
		{"quiet -- -- /bin/true", "", "--|/bin/true"},
		// The kernel passes the words before the first -- that it does not know, before the
		// others.
		{"quiet nosplash -- run -- true\n", "nosplash|run", "run|--|true"},
		{"quiet nosplash --  a", "nosplash|a", "a"},
		{"quiet --", "", ""},
		// Quotes group words, and are removed at the ends of a word or of a value. Each line has a
		// second --: without one, tincan would use the kernel's own words if these did not match.
		{`a="b c" -- "x y" e="f g" h"i j"k -- "l m"`, `x y|e=f g|h"i j"k`, `x y|e=f g|h"i j"k|--|l m`},
		{`-- sh -c "echo a;  echo b" -- "c  d"`, "sh|-c|echo a;  echo b", "sh|-c|echo a;  echo b|--|c  d"},
		{"--\ta\n-- b\n", "a", "a|--|b"},
		// Without a --, only the kernel's words count.
		{"quiet run", "run", "run"},
		// Started by a script with other arguments, not by the kernel.
		{"quiet -- run -- true", "run|-m|/mnt|id", "run|-m|/mnt|id"},
	} {
		var given []string
		if c.given != "" {
			given = strings.Split(c.given, "|")
		}
		if got := strings.Join(kernelArgs(c.line, given), "|"); got != c.want {
			t.Errorf("%s\ngave %q\nwant %q", c.line, got, c.want)
		}
	}
}

// TestInitWord checks that the arguments may begin with `init`, as in `tincan init ...`.
func TestInitWord(t *testing.T) {
	for _, c := range [][2]string{{"init|--poweroff=never", "--poweroff=never"}, {"init|init", "init"}, {"run|init", "run|init"}, {"init", ""}} {
		if got := strings.Join(withoutInit(strings.Split(c[0], "|")), "|"); got != c[1] {
			t.Errorf("%s gave %q, want %q", c[0], got, c[1])
		}
	}
	if got := withoutInit(nil); len(got) > 0 {
		t.Errorf("no arguments gave %q", got)
	}
}

// TestParseInit checks the flags of init.
func TestParseInit(t *testing.T) {
	for _, c := range []struct {
		words string
		want  initOptions
		rest  string
	}{
		{"", initOptions{poweroff: "always"}, ""},
		{"run -m /r -- true", initOptions{poweroff: "always"}, "run|-m|/r|--|true"},
		{"--no-container /bin/t --no-container", initOptions{poweroff: "always", noContainer: true}, "/bin/t|--no-container"},
		{"--no-container -- /bin/t", initOptions{poweroff: "always", noContainer: true}, "/bin/t"},
		{"--poweroff=on-success --debug-exit -- true", initOptions{poweroff: "on-success", debugExit: 0x501}, "--|true"},
		{"--debug-exit=0xf4 --poweroff=never", initOptions{poweroff: "never", debugExit: 0xf4}, ""},
	} {
		if c.want.debugExit != 0 && !haveDebugExit {
			continue
		}
		got, err := parseInit(strings.Fields(c.words))
		if err != nil {
			t.Errorf("%s: %v", c.words, err)
		}
		if rest := strings.Join(got.args, "|"); rest != c.rest {
			t.Errorf("%s: arguments %q, want %q", c.words, rest, c.rest)
		}
		got.args = nil
		if got.noContainer != c.want.noContainer || got.poweroff != c.want.poweroff || got.debugExit != c.want.debugExit {
			t.Errorf("%s: %+v, want %+v", c.words, got, c.want)
		}
	}
	for _, c := range []struct{ words, want string }{
		{"--poweroff=maybe", "--poweroff=maybe: not one of"},
		{"--poweroff", "--poweroff: not one of"},
		{"--debug-exit=x", "--debug-exit=x: not a port"},
		{"--debug-exit=0", "--debug-exit=0: not a port"},
		{"--debug-exit=65536", "--debug-exit=65536: not a port"},
	} {
		if _, err := parseInit(strings.Fields(c.words)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.words, err, c.want)
		}
	}
}

// TestArgLines checks the arguments file.
func TestArgLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   nil,
		"\n":                 nil,
		"run\n--\na b\n":     {"run", "--", "a b"},
		"sh\n-c\n\n":         {"sh", "-c", ""},
		" x \nno newline":    {" x ", "no newline"},
		"-m\n/r\n--\ntrue\n": {"-m", "/r", "--", "true"},
	} {
		if got := argLines(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestQuoteHint checks the hint about single quotes on the kernel's command line, which does not
// know them.
func TestQuoteHint(t *testing.T) {
	for line, hint := range map[string]bool{
		"quiet -- -- sh -c 'echo hello'": true, `quiet -- -- sh -c "echo 'hello'"`: false, "quiet -- -- echo it's": false,
	} {
		if got := quoteHint(kernelArgs(line, nil)); (got != "") != hint || hint && !strings.Contains(got, "'echo begins with a single quote") {
			t.Errorf("%s: %q", line, got)
		}
	}
}

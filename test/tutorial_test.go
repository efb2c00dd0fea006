// TUTORIAL.md must be true: the test runs its commands, and compares what they print.
package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tutorialCommand is a command in TUTORIAL.md, and the output that the page shows.
type tutorialCommand struct {
	line     int // the line in TUTORIAL.md
	command  string
	output   []string
	needs    []string // programs, from the block's first line
	terminal bool
}

// tutorialCommands reads the blocks between "```console" and "```". A line that begins with "$ " is
// a command, following lines that begin with "> " continue it, and the rest is its output. After
// "console" there may be "terminal", for a command that needs one, and the names of programs that a
// minimal Debian does not have.
func tutorialCommands(t *testing.T, text string) (all []tutorialCommand) {
	t.Helper()
	inside, inCommand := false, false
	var words []string
	for i, line := range strings.Split(text, "\n") {
		switch {
		case !inside && strings.HasPrefix(line, "```console"):
			inside, inCommand, words = true, false, strings.Fields(line)[1:]
		case line == "```":
			inside = false
		case !inside:
		case strings.HasPrefix(line, "$ "):
			c := tutorialCommand{line: i + 1, command: line[2:]}
			for _, w := range words {
				if w == "terminal" {
					c.terminal = true
				} else {
					c.needs = append(c.needs, w)
				}
			}
			all, inCommand = append(all, c), true
		case len(all) == 0:
			t.Fatalf("TUTORIAL.md:%d: output without a command: %q", i+1, line)
		case inCommand && strings.HasPrefix(line, "> "):
			all[len(all)-1].command += "\n" + line[2:]
		default:
			inCommand = false
			all[len(all)-1].output = append(all[len(all)-1].output, line)
		}
	}
	return all
}

// tutorialPattern returns a regular expression for lines as TUTORIAL.md has them: <N> stands for a
// number, <WORD> for a word without blanks, "..." at the end of a line for the rest of the line,
// and a line "..." for any number of lines. The number of blanks between words does not matter.
func tutorialPattern(lines []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^`)
	for _, line := range lines {
		if strings.TrimSpace(line) == "..." {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		line, open := strings.CutSuffix(squeezed(line), "...")
		p := regexp.QuoteMeta(line)
		p = regexp.MustCompile(`<N>`).ReplaceAllString(p, `[0-9]+`)
		p = regexp.MustCompile(`<[A-Z]+>`).ReplaceAllString(p, `\S+`)
		if open {
			p += `.*`
		}
		b.WriteString(p + `\n`)
	}
	return regexp.MustCompile(b.String() + `$`)
}

// squeezed returns the line with single blanks between words, and none at the ends.
func squeezed(line string) string { return strings.Join(strings.Fields(line), " ") }

// differs returns the first line in TUTORIAL.md from which on the output is different, or "" if
// there is none.
func differs(want []string, got string) string {
	var lines strings.Builder
	for line := range strings.Lines(got) {
		lines.WriteString(squeezed(line) + "\n")
	}
	if tutorialPattern(want).MatchString(lines.String()) {
		return ""
	}
	for i := range want {
		if !tutorialPattern(append(want[:i+1:i+1], "...")).MatchString(lines.String()) {
			return want[i]
		}
	}
	return "(the end)"
}

// TestTutorialComparer checks differs itself.
func TestTutorialComparer(t *testing.T) {
	const got = "a  1 /x/y\nb 22\nc\nd: anything\n"
	for _, want := range []string{got, "a <N> <PATH>\nb <N>\nc\nd: ...\n", "...\nd: anything\n", "a 1 ...\n...\n", "a 1 /x/y\n...\nb 22\n...\n"} {
		if at := differs(strings.Split(strings.TrimSuffix(want, "\n"), "\n"), got); at != "" {
			t.Errorf("%q differs at %q", want, at)
		}
	}
	for want, where := range map[string]string{
		"a 1 /x/y\nb 22\nc":                 "(the end)",
		"a 1 /x/y\nb 22\nc\nd: anything\ne": "e",
		"a <N> /x/y\nb 2\n...":              "b 2",
		"a <N> <N>\n...":                    "a <N> <N>",
		"...\nc\nb 22\n...":                 "b 22",
		"a 1 /x/y\nb ...2\n...":             "b ...2",
		"<WORD>\n...":                       "<WORD>",
		"... 1 /x/y\n...":                   "... 1 /x/y",
		"":                                  "",
	} {
		if at := differs(strings.Split(want, "\n"), got); at != where || tutorialPattern(strings.Split(want, "\n")).MatchString(got) {
			t.Errorf("%q: differs at %q, want %q", want, at, where)
		}
	}
}

// TestTutorial does what the reader does: it runs one command after the other in a copy of the
// source. Each command must end with status 0, so the page shows failures with `; echo $?`.
func TestTutorial(t *testing.T) {
	notForUsers(t, "the tutorial's reader is root")
	needRoot(t)
	if plain() {
		t.Skip("the page describes the program that make builds, whose launcher has one thread")
	}
	text := read(t, "../TUTORIAL.md")
	dir := filepath.Join(t.TempDir(), "tincan")
	mkdir(t, dir)
	sources, _ := filepath.Glob("../*.[gs]*")
	for _, from := range sources {
		if strings.HasSuffix(from, ".go") || strings.HasSuffix(from, ".s") {
			copyFile(t, from, filepath.Join(dir, filepath.Base(from)))
		}
	}
	if err := os.Symlink(tincanBin, filepath.Join(dir, "tincan")); err != nil {
		t.Fatal(err)
	}
	before, _ := filepath.Glob(dir + "/*")
	noLeaks(t)
	commands := tutorialCommands(t, text)
	if len(commands) < 40 {
		t.Fatalf("only %d commands: has the form of TUTORIAL.md changed?", len(commands))
	}
commands:
	for _, c := range commands {
		for _, p := range c.needs {
			if _, err := exec.LookPath(p); err != nil {
				t.Logf("TUTORIAL.md:%d: %s is not installed; left out: %s", c.line, p, c.command)
				continue commands
			}
		}
		got := c.run(t, dir)
		if at := differs(c.output, got); at != "" {
			t.Errorf("TUTORIAL.md:%d: $ %s\nthe output differs from this line on: %s\n%s", c.line, c.command, at, got)
		}
	}
	after, _ := filepath.Glob(dir + "/*")
	for _, f := range after {
		if !slices.Contains(before, f) {
			t.Errorf("the commands of TUTORIAL.md leave %s behind", f)
		}
	}
	t.Logf("%d commands", len(commands))
}

// run runs the command, and returns what it prints on standard output and standard error.
func (c tutorialCommand) run(t *testing.T, dir string) string {
	t.Helper()
	if c.terminal {
		return c.onTerminal(t, dir)
	}
	sh := exec.Command("sh", "-c", c.command)
	sh.Dir = dir
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Errorf("TUTORIAL.md:%d: $ %s\n%v", c.line, c.command, err)
	}
	return string(out)
}

// onTerminal runs the command on a terminal, and answers the first question of --step with c, which
// continues to the end.
func (c tutorialCommand) onTerminal(t *testing.T, dir string) string {
	t.Helper()
	x := onTerminal(t, "sh", "-c", "cd "+dir+" && { "+c.command+"; echo 'the status:' $?; }")
	question := regexp.MustCompile(`\[q\] quit `)
	x.expect(question.String())
	x.send("c")
	x.expect(`the status: 0\r\n`)
	x.mu.Lock()
	defer x.mu.Unlock()
	shown := strings.ReplaceAll(x.text.String(), "\r\n", "\n")
	shown, _, _ = strings.Cut(shown, "the status:")
	return regexp.MustCompile(`[^\n]*\r\x1b\[K`).ReplaceAllString(shown, "")
}

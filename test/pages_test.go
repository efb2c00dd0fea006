// README.md and the pages of docs/ are true: their commands are run, and print what the pages say.
package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tincan/test/pages"
)

// commandsOf returns the commands of a page.
func commandsOf(t *testing.T, page string) []pages.Command {
	t.Helper()
	all, err := pages.Read(read(t, "../"+page))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return all
}

// typist types the commands of a page in a directory, as root or as the user Joe.
type typist struct {
	page, dir string
	joe       *user                       // types the blocks with the word "user"; nil if the page has none
	edit      func(command string) string // changes a command beforehand, if not nil
	edited    func(output string) string  // changes what it prints, if not nil
}

// typeAll types one command after the other and compares what they print. Each must end with
// status 0, so a failure is shown by `; echo $?`. A command whose programs are missing is left
// out, and under MUST_WORK=1 that is an error.
func (y typist) typeAll(t *testing.T, commands []pages.Command) {
	t.Helper()
commands:
	for _, c := range commands {
		for _, p := range c.Needs {
			if _, err := exec.LookPath(p); err == nil {
				continue
			}
			if os.Getenv("MUST_WORK") == "1" {
				t.Errorf("MUST_WORK=1, and missing: %s, which %s:%d needs", p, y.page, c.Line)
			}
			t.Logf("%s:%d: %s is not here, and left out: %s", y.page, c.Line, p, c.Text)
			continue commands
		}
		if y.edit != nil {
			c.Text = y.edit(c.Text)
		}
		got := y.run(t, c)
		if y.edited != nil {
			got = y.edited(got)
		}
		if at := c.Differs(got); at != "" {
			t.Errorf("%s:%d: $ %s\nprints something else from this line on: %s\n%s", y.page, c.Line, c.Text, at, got)
		}
	}
}

// run returns what a command prints, on either output. tincan is in the PATH.
func (y typist) run(t *testing.T, c pages.Command) string {
	t.Helper()
	if c.Terminal {
		return y.onTerminal(t, c)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	line := []string{"sh", "-c", c.Text}
	env := []string{"PATH=" + filepath.Dir(tincanBin) + ":" + os.Getenv("PATH")}
	if c.User {
		line = append(slices.Clone(y.joe.before), "sh", "-c", "cd /home/joe\n"+c.Text)
		env = append(env, "HOME=/home/joe", "XDG_RUNTIME_DIR=")
	}
	sh := exec.CommandContext(ctx, line[0], line[1:]...)
	sh.Dir, sh.Env, sh.WaitDelay = y.dir, append(os.Environ(), env...), time.Second
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Errorf("%s:%d: $ %s\n%v", y.page, c.Line, c.Text, err)
	}
	return string(out)
}

// onTerminal answers the first question of --step with c, for all of them.
func (y typist) onTerminal(t *testing.T, c pages.Command) string {
	t.Helper()
	x := onTerminal(t, "sh", "-c", "cd "+y.dir+" && { "+c.Text+"; echo 'the status:' $?; }")
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

// newJoe returns a user with a home directory at /home/joe and with granted ids.
func newJoe(t *testing.T) *user {
	t.Helper()
	u := newUser(t, "ranges")
	joe := u.with(fmt.Sprintf("mount -t tmpfs t /home; mkdir /home/joe; mount --bind %s /home/joe", u.home))
	return &joe
}

// TestPages types the commands of README.md and of the pages of docs/, each page's in a
// directory of its own. TestRecipes does it for the recipes.
func TestPages(t *testing.T) {
	notForUsers(t, "a word in the page says which commands are a user's")
	needRoot(t)
	files, _ := filepath.Glob("../docs/*.md")
	typed := 0
	for _, file := range append([]string{"../README.md"}, files...) {
		page := strings.TrimPrefix(file, "../")
		commands := commandsOf(t, page)
		if len(commands) == 0 || page == "docs/recipes.md" {
			continue
		}
		typed++
		t.Run(page, func(t *testing.T) {
			noLeaks(t)
			y := typist{page: page, dir: t.TempDir()}
			if slices.ContainsFunc(commands, func(c pages.Command) bool { return c.User }) {
				y.joe = newJoe(t)
			}
			y.typeAll(t, commands)
			t.Logf("%d commands", len(commands))
		})
	}
	if typed < 8 {
		t.Errorf("%d pages with commands: they are not understood", typed)
	}
}

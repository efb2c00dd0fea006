// The completions, tried in the shells for which they are made.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// completions are beginnings of command lines, with the words that a shell must and must not offer.
var completions = []struct{ line, want, not string }{
	{"tincan r", "run record", "plan"},
	{"tincan he", "help", "plan"},
	{"tincan --ne", "--net", "--no-init"},
	{"tincan --no-", "--no-init --no-cgroup", "--no-container"},
	{"tincan --net ", "none host", "--mount"},
	{"tincan --net=", "none host", "--mount"},
	{"tincan --net=h", "host", "none"},
	{"tincan plan --net=h", "host", "none"},
	{"tincan run --expl", "", "--explain"},
	{"tincan plan --expl", "--explain", ""},
	{"tincan record --me", "--memory --merge", ""},
	{"tincan --seccomp=tuto", "tutorial", "default"},
	{"tincan --cap-add SYS_NI", "SYS_NICE", "SYS_ADMIN"},
	{"tincan --cap-add=SYS_NI", "SYS_NICE", "SYS_ADMIN"},
	{"tincan --rlimit nof", "nofile=", "nproc"},
	{"tincan --memory=m", "max", ""},
	{"tincan -m ou", "outer", "outfile"},
	{"tincan --mount=ou", "outer", "outfile"},
	{"tincan --config=out", "outer outfile", ""},
	{"tincan -a out", "outer outfile", ""},
	{"tincan seccomp ", "show compile eval", "run"},
	{"tincan seccomp show tuto", "tutorial", ""},
	{"tincan seccomp show --arch=ri", "riscv64", "x86_64"},
	{"tincan seccomp eval --caps SYS_NI", "SYS_NICE", ""},
	{"tincan init --poweroff=on", "on-success", "never"},
	{"tincan help pl", "plan", "run"},
	{"tincan -m outer --net none cht", "chtincan", ""},
	{"tincan -- cht", "chtincan", ""},
	{"tincan run --ro cht", "chtincan", ""},
	{"tincan --net=none -- chtincan --net", "", "--net="},
	{"tincan --net=none -- chtincan out", "outer outfile", ""},
	{"tincan ./bi", "./bin", "home"},
	{"tincan bin/cht", "bin/chtincan", ""},
	{"tincan --ro ./bi", "./bin", "home"},
	{"tincan --net=none bin/cht", "bin/chtincan", ""},
	{"tincan run -- bin/cht", "bin/chtincan", ""},
	{"tincan run --memory=1G cat ou", "out", "home"},
	{"tincan check --vers", "--version", ""},
}

// completionDir returns a directory with files to offer, and with a program chtincan in bin.
func completionDir(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{"outer", "bin", "home"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for f, mode := range map[string]os.FileMode{"outfile": 0o644, "bin/chtincan": 0o755, "bin/tincan": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir, []string{"PATH=" + dir + "/bin:/usr/bin:/bin", "HOME=" + dir + "/home", "TERM=xterm", "LC_ALL=C.UTF-8"}
}

// checkOffer checks what a shell has offered for a line.
func checkOffer(t *testing.T, line, want, not, got string) {
	t.Helper()
	for _, w := range strings.Fields(want) {
		if !strings.Contains(got, w) {
			t.Errorf("%q: %q is not offered:\n%q", line, w, got)
		}
	}
	for _, w := range strings.Fields(not) {
		if strings.Contains(got, w) {
			t.Errorf("%q: %q is offered:\n%q", line, w, got)
		}
	}
}

// shell returns the path of a program, or skips the test.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s(1) is not installed", name)
	}
	return path
}

// TestCompletionsFish asks fish for its completions.
func TestCompletionsFish(t *testing.T) {
	fish := shell(t, "fish")
	file, err := filepath.Abs("completions/tincan.fish")
	if err != nil {
		t.Fatal(err)
	}
	dir, env := completionDir(t)
	for _, c := range completions {
		if c.line == "tincan --no-" { // fish also offers flags with =
			c.not = ""
		}
		cmd := exec.Command(fish, "--no-config", "-c", fmt.Sprintf("source %s; complete -C '%s' | string replace -r '\\t.*' ''", file, c.line))
		cmd.Dir, cmd.Env = dir, env
		var errs strings.Builder
		cmd.Stderr = &errs
		out, _ := cmd.Output() // the status is that of fish's string
		if errs.Len() > 0 {
			t.Errorf("%q: %s", c.line, &errs)
		}
		checkOffer(t, c.line, c.want, c.not, string(out))
	}
}

// TestCompletionsBash presses the tab key in bash, without and with bash-completion.
func TestCompletionsBash(t *testing.T) {
	bash := shell(t, "bash")
	for _, helper := range []string{"", "/usr/share/bash-completion/bash_completion"} {
		t.Run(filepath.Base(helper), func(t *testing.T) {
			source := ""
			if _, err := os.Stat(helper); err != nil && helper != "" {
				missing(t, "%s is not installed", helper)
			} else if helper != "" {
				source = "source " + helper + "; "
			}
			checkTabs(t, source+"source FILE; bind 'set show-all-if-ambiguous on'; bind 'set completion-query-items 0'; bind 'set page-completions off'; bind 'set enable-bracketed-paste off'",
				"completions/tincan.bash", bash, "--norc", "--noprofile", "-i")
		})
	}
}

// TestCompletionsZsh presses the tab key in zsh.
func TestCompletionsZsh(t *testing.T) {
	checkTabs(t, "fpath=(DIR $fpath); autoload -Uz compinit; compinit -D -u; LISTMAX=10000; unsetopt promptsp", "completions/_tincan", shell(t, "zsh"), "-f", "-i")
}

// checkTabs checks what a shell on a terminal shows when the tab key is pressed.
func checkTabs(t *testing.T, setup, file string, line ...string) {
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	dir, env := completionDir(t)
	s := startShell(t, dir, env, line...)
	s.send("PS1='> '; " + strings.NewReplacer("FILE", file, "DIR", filepath.Dir(file)).Replace(setup) + "; echo re''ady\r")
	s.until("ready\r\n")
	for i, c := range completions {
		s.until("> ") // from now on the shell itself reads the keys
		done := fmt.Sprint("done-", i)
		s.send(c.line + "\t\x15" + strings.Replace("echo done-", "ne", "n''e", 1) + fmt.Sprint(i) + "\r")
		got := s.until(done + "\r\n")
		if i := strings.Index(got, c.line); i < 0 {
			t.Errorf("%q is not shown:\n%q", c.line, got)
		} else { // the part from the word at the cursor on
			checkOffer(t, c.line, c.want, c.not, got[i+strings.LastIndex(c.line, " ")+1:])
		}
	}
}

// terminalShell is a shell on its own terminal.
type terminalShell struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
}

// startShell starts a shell on a new terminal.
func startShell(t *testing.T, dir string, env []string, line ...string) *terminalShell {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		missing(t, "/dev/ptmx: %v", err)
	}
	s := &terminalShell{t: t, master: os.NewFile(uintptr(fd), "ptmx")}
	t.Cleanup(func() { s.master.Close() })
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 2000, Col: 300})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	c := exec.Command(line[0], line[1:]...)
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = dir, env, slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	go func() {
		part := make([]byte, 1<<16)
		for {
			n, err := s.master.Read(part)
			s.mu.Lock()
			s.shown.Write(part[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// send types keys.
func (s *terminalShell) send(keys string) {
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a text. It returns what the shell has shown, up to the end of the text, and
// forgets it.
func (s *terminalShell) until(text string) string {
	s.t.Helper()
	for range 600 {
		s.mu.Lock()
		i := bytes.Index(s.shown.Bytes(), []byte(text))
		if i >= 0 {
			out := string(s.shown.Next(i + len(text)))
			s.mu.Unlock()
			return out
		}
		s.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("%q did not appear within 12 seconds:\n%q", text, s.shown.String())
	return ""
}

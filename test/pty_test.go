// A terminal for tests: a pseudo-terminal, pty(7), with a program on it.
package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with a program on it.
type terminal struct {
	t      *testing.T
	master *os.File
	c      *exec.Cmd
	mu     sync.Mutex
	text   bytes.Buffer
	seen   int // how much of the text expect has consumed
}

// onTerminal starts the command as the leader of a session with a new terminal.
func onTerminal(t *testing.T, line ...string) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		skip(t, "/dev/ptmx (%v)", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 200})
	x := &terminal{t: t, master: os.NewFile(uintptr(fd), "ptmx"), c: exec.Command(line[0], line[1:]...)}
	x.c.Stdin, x.c.Stdout, x.c.Stderr = slave, slave, slave
	x.c.Env = append(os.Environ(), "PS1=prompt> ", "TERM=dumb", "HISTFILE=", "ENV=", "T="+tincanBin)
	x.c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := x.master.Read(b)
			x.mu.Lock()
			x.text.Write(b[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		x.endSession() // the shell, and programs that a failing test left running
		x.c.Wait()
		x.master.Close()
	})
	return x
}

// endSession kills every process of the terminal's session.
func (x *terminal) endSession() {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		b, _ := os.ReadFile(s)
		_, after, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(after); len(f) > 3 && f[3] == strconv.Itoa(x.c.Process.Pid) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(s))); err == nil {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

// send types keys.
func (x *terminal) send(s string) {
	x.t.Helper()
	if _, err := x.master.WriteString(s); err != nil {
		x.t.Fatal(err)
	}
}

// expect waits for the pattern in the text that is not consumed yet, and returns the match.
func (x *terminal) expect(pattern string) string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		rest := x.text.String()[x.seen:]
		at := re.FindStringIndex(rest)
		if at != nil {
			x.seen += at[1]
		}
		x.mu.Unlock()
		if at != nil {
			return rest[at[0]:at[1]]
		}
		if time.Now().After(end) {
			x.t.Fatalf("the terminal did not show %q after\n%s", pattern, rest)
		}
	}
}

// shell returns a bash with job control on a new terminal.
func shell(t *testing.T) *terminal {
	t.Helper()
	x := onTerminal(t, needProgram(t, "bash"), "--norc", "--noprofile", "-i")
	x.expect("prompt> ")
	return x
}

// run types a line, and returns what the terminal shows until the next prompt.
func (x *terminal) run(line string) string {
	x.t.Helper()
	x.send(line + "\n")
	x.expect(regexp.QuoteMeta(line) + "\r\n")
	shown := x.expect("(?s).*?prompt> $")
	return strings.ReplaceAll(strings.TrimSuffix(shown, "prompt> "), "\r\n", "\n")
}

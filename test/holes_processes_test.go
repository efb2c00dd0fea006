// Holes 28 to 31, 33 and 36 of tools of this class: terminals, signals, and what the kernel counts
// for a user.
package test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal that was not handed over must not be opened, taken or read by the command. What is
// typed at the shell must stay with the shell.
func TestHole28TerminalNotHandedOver(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	place := t.TempDir()
	os.Chmod(place, 0o777)
	out := filepath.Join(place, "out")
	// The flags are in a file, because a line of the terminal is short.
	runs := filepath.Join(place, "r")
	write(t, runs, fmt.Sprintf("exec \"$T\" %s -m %s -a %s:/probe:ro -a %s:/out \"$@\"\n", strings.Join(forUser(nil), " "), dir, probeBin, place))
	x := shell(t)
	line := func(init, redirections string) string {
		return fmt.Sprintf("sh %s %s -- sh -c '/probe terminal >/out/out' %s", runs, init, redirections)
	}
	for _, c := range []struct{ what, redirections string }{
		{"in the background, redirected", "</dev/null >/dev/null 2>&1 & wait"},
		{"in the background", "& wait"},
		{"in the foreground, redirected", "</dev/null >/dev/null 2>&1"},
	} {
		for _, init := range []string{"--init", "--no-init"} {
			os.Remove(out)
			x.run(line(init, c.redirections))
			got := parseProbe(result{out: read(t, out)})
			if e := got["open /dev/tty"]; e != "ENXIO" {
				t.Errorf("%s, %s: /dev/tty: %q, want ENXIO", c.what, init, e)
			}
			for _, by := range []string{"/dev/tty", "0", "1", "2"} {
				if e := got["foreground by "+by]; e == "ok" || e == "" {
					t.Errorf("%s, %s: foreground by %s: %q", c.what, init, by, e)
				}
			}
			for _, d := range []string{"0", "1", "2", "by /dev/console", "by /proc/self/fd/0", "by /proc/self/fd/2"} {
				if e := got["read "+d]; e == "ok" || e == "EAGAIN" || e == "" {
					t.Errorf("%s, %s: read %s: %q", c.what, init, d, e)
				}
			}
		}
	}
	// If the terminal is handed over, all of this must work, or this test shows nothing.
	os.Remove(out)
	x.run(line("--init", ""))
	got := parseProbe(result{out: read(t, out)})
	for _, a := range []string{"open /dev/tty", "foreground by /dev/tty", "foreground by 0"} {
		expect(t, got, a, "ok")
	}
	expect(t, got, "read 0", "EAGAIN")
	if asUser != "" { // the terminal belongs to the user, and so to the command
		expect(t, got, "read by /dev/console", "EAGAIN")
		expect(t, got, "read by /proc/self/fd/2", "EAGAIN")
	}
	// Ctrl-Z must stop a command that the terminal does not reach, and fg must continue it.
	nap := fmt.Sprintf("2.%d", os.Getpid())
	x.send(fmt.Sprintf("sh %s -- sleep %s </dev/null >/dev/null 2>&1\n", runs, nap))
	eventually(t, "the command runs", func() bool { return sleeping(nap) > 0 })
	x.send("\x1a")
	x.expect("Stopped")
	x.expect("prompt> ")
	if got := x.run("fg >/dev/null; echo $?"); !strings.HasSuffix(got, "0\n") {
		t.Errorf("after fg: %q", got)
	}
	// What a command leaves behind on a terminal that was its own.
	for _, behind := range []string{"", " | cat"} { // behind a pipe, it is not handed over and can be changed all the same
		x.send(fmt.Sprintf("sh %s -- /probe spoil%s; echo it en''ded; dd bs=9 count=1 2>&1; echo read''again\n", runs, behind))
		x.expect("it ended\r\n")
		x.send("line\n")
		if got := x.expect("(?s).*?readagain\r\n"); strings.Contains(got, "unavailable") {
			t.Errorf("%q: a read from the terminal does not wait: %q", behind, got)
		}
		x.expect("prompt> $")
		if got := x.run("exec 9<>$(tty) && echo open''ed"); !strings.Contains(got, "opened\n") {
			t.Errorf("%q: the terminal cannot be opened afterwards: %q", behind, got)
		}
	}
}

// A launcher that SIGTSTP stops, with its command, as a shell expects it, must still end the
// command at its deadline.
func TestHole29StoppedPastItsDeadline(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, init := range []string{"--init", "--no-init"} {
		c := exec.Command(tincanBin, forUser([]string{init, "--timeout=1s", "-m", dir, "--", "sh", "-c", "while :; do :; done & echo ready; sleep 100"})...)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its own process group, as a shell's job: the kernel does not stop an orphaned group
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(out).ReadString('\n')
		c.Process.Signal(syscall.SIGTSTP)
		stopped, ended := false, false
		for !stopped && !ended && time.Since(start) < 15*time.Second {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
			_, after, _ := strings.Cut(string(b), ") ")
			stopped, ended = strings.HasPrefix(after, "T"), strings.HasPrefix(after, "Z")
			time.Sleep(10 * time.Millisecond)
		}
		timer := time.AfterFunc(20*time.Second, func() { c.Process.Signal(syscall.SIGCONT); c.Process.Kill() })
		c.Wait()
		timer.Stop()
		if took := time.Since(start); c.ProcessState.ExitCode() != 124 || took > 15*time.Second {
			t.Errorf("%s: %v after %v, want status 124", init, c.ProcessState, took)
		}
		if init == "--init" && !stopped {
			t.Errorf("%s: the launcher was never stopped, so this test shows nothing", init)
		}
	}
}

// What the kernel counts for each user must be counted for the container's user, not for the host's
// root.
func TestHole30CountsOfRoot(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	j := start(t, job{args: append([]string{"--rlimit=nofile=4096", "-m", dir}, probe("inotify")...)})
	said := j.readLine()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Errorf("the host's root has no inotify instance left: %v", err)
	}
	unix.Close(fd)
	j.closeInput()
	j.wait()
	if !strings.HasSuffix(said, "EMFILE\n") || strings.Contains(said, "instances: 0,") {
		t.Errorf("inside: %q, want a number of instances, and EMFILE for the next one", said)
	}
	if strings.Contains(said, "instances: 409") {
		t.Errorf("inside: %q: that is the limit of open files, not that of inotify", said)
	}
}

// Version 1 counts the memory that TCP holds separately. It must have the same limit.
func TestHole31MemoryOfSockets(t *testing.T) {
	needRoot(t)
	if onV2() {
		t.Skip("version 2 counts this memory with the rest")
	}
	dir := tree(t)
	noLeaks(t, dir)
	j := start(t, job{args: []string{"--hostname=hole-31", "--memory=32M", "-m", dir, "--", "sh", "-c", "echo ready; read x"}})
	j.waitFor("ready")
	file := filepath.Join(groupParents()["memory"], "hole-31/memory.kmem.tcp.limit_in_bytes")
	if !exists(file) {
		t.Logf("this kernel has no %s", file)
	} else if got := strings.TrimSpace(read(t, file)); got != fmt.Sprint(32<<20) {
		t.Errorf("%s: %s", file, got)
	}
	j.closeInput()
	j.wait()
}

// A command that is PID 1 can clear its death signal. It must end with the launcher all the same,
// however the launcher is killed.
func TestHole33OutlivesItsLauncher(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, how := range []string{"alone", "its process group"} {
		c := exec.Command(tincanBin, forUser(append([]string{"--no-init", "-m", dir}, probe("outlive")...))...)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said, _ := bufio.NewReader(out).ReadString('\n')
		if said != "cleared: ok\n" {
			t.Errorf("%q", said)
		}
		running := func() (n int) {
			all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, f := range all {
				if b, _ := os.ReadFile(f); string(b) == "/probe\x00outlive\x00" {
					n++
				}
			}
			return n
		}
		if running() != 1 {
			t.Errorf("%d of these commands run, want 1", running())
		}
		to := c.Process.Pid
		if how != "alone" {
			to = -to
		}
		unix.Kill(to, unix.SIGKILL)
		c.Wait()
		eventually(t, "the command ends with its launcher, killed "+how, func() bool { return running() == 0 })
	}
	ok(t, "-m", dir, "--", "true") // this also removes what the killed runs have left
	if r := tincan(t, "--no-init", "-m", dir, "--", "sh", "-c", "exit 7"); r.status != 7 {
		t.Error(r)
	}
}

// A caller with a higher priority must not pass that on to the command.
func TestHole36CallersLimits(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	// Not every machine lets its root raise all of these limits. The test needs one that can be
	// raised.
	caller := "ulimit -r 50; ulimit -e 40; ulimit -c unlimited; exec \"$@\""
	out, err := exec.Command("bash", "-c", caller, "sh", "cat", "/proc/self/limits").Output()
	if err != nil {
		skip(t, "bash: %v", err)
	}
	inside := job{before: []string{"bash", "-c", caller, "sh"}, args: []string{"-m", dir, "--", "cat", "/proc/self/limits"}}.run(t).out
	raised := 0
	for _, row := range []string{"Max realtime priority", "Max nice priority", "Max core file size"} {
		values := func(limits string) string {
			return strings.Join(strings.Fields(strings.TrimPrefix(line(limits, row), row)), " ")
		}
		if !strings.HasPrefix(values(string(out)), "0 ") {
			raised++
		}
		if !strings.HasPrefix(values(inside), "0 0") {
			t.Errorf("%s: %q inside", row, values(inside))
		}
	}
	if raised == 0 {
		t.Error("the caller has none of these priorities, so this test shows nothing")
	}
}

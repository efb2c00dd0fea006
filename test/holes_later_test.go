// Holes 23 to 43 of tools of this class, found by attacking 0.1.0: those that are closed so
// far. Each attack is run in a container and shown refused, and shown to work where the
// protection is not there.
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

// A procfs that the root directory brings has links that lead out of any root: no destination
// goes through one.
func TestHole26MagicLinks(t *testing.T) {
	dir := tree(t)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	mkdir(t, outside)
	noLeaks(t, dir, outside)
	for _, link := range []string{"/proc/self/cwd/../" + filepath.Base(outside), "/proc/self/root" + outside, outside, "../outside"} {
		name := filepath.Join(dir, "led")
		if err := os.Symlink(link, name); err != nil {
			t.Fatal(err)
		}
		refused(t, tincan(t, "-m", dir, "-a", dir+"/etc:/led/made", "--", "true"), "/led in the container is a symlink to", "a mount through a symlink is refused")
		refused(t, tincan(t, "-m", dir, "--tmpfs=/led", "--", "true"), "/led in the container is a symlink to")
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if all, _ := os.ReadDir(outside); len(all) != 0 {
			t.Errorf("%s: made on the host: %v", link, all)
		}
	}
}

// A profile that lets TIOCSTI through: the terminal's own filter does not.
func TestHole27TypingUnderEveryProfile(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	profiles := []string{"tutorial", "../testdata/profiles/podman-seccomp.json", "../testdata/profiles/moby-default.json"}
	compiled := filepath.Join(t.TempDir(), "podman.bpf")
	if out, err := exec.Command(tincanBin, "seccomp", "compile", profiles[1], "-o", compiled).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range append(profiles, compiled) {
		got := attempt(t, "-m", dir, "--seccomp="+p, "ioctls")
		for _, a := range []string{"TIOCSTI", "TIOCSTI|1<<32", "TIOCLINUX"} {
			expect(t, got, a, "EPERM")
		}
		if n := line(tincan(t, "-m", dir, "--seccomp="+p, "--", "cat", "/proc/self/status").out, "Seccomp_filters:"); !strings.HasSuffix(n, "2") {
			t.Errorf("%s: %q, want two filters", p, n)
		}
	}
	got := attempt(t, "-m", dir, "--seccomp=none", "ioctls")
	for _, a := range []string{"TIOCSTI", "TIOCSTI|1<<32", "TIOCLINUX"} {
		if e := got[a]; e == "EPERM" || e == "" {
			t.Errorf("without a filter: %s: %q, so that the test shows nothing", a, e)
		}
	}
}

// A command that stops itself has the launcher stop with it, for the shell's sake: the
// deadline is seen all the same.
func TestHole29StoppedPastItsDeadline(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, init := range []string{"--init", "--no-init"} {
		c := exec.Command(tincanBin, forUser([]string{init, "--timeout=1s", "-m", dir, "--", "sh", "-c", "while :; do :; done & echo ready; kill -STOP $$; sleep 100"})...)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a job of its own, as a shell has it: an orphaned one is not stopped
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(out).ReadString('\n')
		stopped := false
		for !stopped && time.Since(start) < 900*time.Millisecond {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
			_, after, _ := strings.Cut(string(b), ") ")
			stopped = strings.HasPrefix(after, "T")
			time.Sleep(10 * time.Millisecond)
		}
		timer := time.AfterFunc(20*time.Second, func() { c.Process.Signal(syscall.SIGCONT); c.Process.Kill() })
		c.Wait()
		timer.Stop()
		if took := time.Since(start); c.ProcessState.ExitCode() != 124 || took > 8*time.Second {
			t.Errorf("%s: %v after %v, want status 124", init, c.ProcessState, took)
		}
		if init == "--init" && !stopped {
			t.Errorf("%s: the launcher was not seen stopped, so that the test shows nothing", init)
		}
	}
}

// What the kernel counts for each user is counted for the container's, and not for the
// host's root.
func TestHole30CountsOfRoot(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	c := exec.Command(tincanBin, append([]string{"--rlimit=nofile=4096", "-m", dir}, probe("inotify")...)...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := bufio.NewReader(out).ReadString('\n')
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Errorf("the host's root has no inotify instance left: %v", err)
	}
	unix.Close(fd)
	in.Close()
	c.Wait()
	if !strings.HasSuffix(said, "EMFILE\n") || strings.Contains(said, "instances: 0,") {
		t.Errorf("inside: %q, want that some were had and no more", said)
	}
	if strings.Contains(said, "instances: 409") {
		t.Errorf("inside: %q: that is the limit of descriptors, and not that of inotify", said)
	}
}

// The memory that TCP holds is counted by itself on version 1, and has the same limit.
func TestHole31MemoryOfSockets(t *testing.T) {
	needRoot(t)
	if onV2() {
		t.Skip("version 2 counts it with the rest")
	}
	dir := tree(t)
	noLeaks(t, dir)
	c := exec.Command(tincanBin, "--hostname=hole-31", "--memory=32M", "-m", dir, "--", "sh", "-c", "echo ready; read x")
	in, _ := c.StdinPipe()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(out).ReadString('\n')
	file := filepath.Join(groupParents()["memory"], "hole-31/memory.kmem.tcp.limit_in_bytes")
	if !exists(file) {
		t.Logf("this kernel has no %s", file)
	} else if got := strings.TrimSpace(read(t, file)); got != fmt.Sprint(32<<20) {
		t.Errorf("%s: %s", file, got)
	}
	in.Close()
	c.Wait()
}

// A caller who may run before everybody else does not hand that on.
func TestHole36CallersLimits(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	noLeaks(t, dir)
	// Not every machine lets its root raise them: what can be raised is looked at.
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
		t.Error("the caller has none of them, so that the test shows nothing")
	}
}

// Holes 23 to 43 of tools of this class, found by attacking 0.1.0: those that are closed so
// far. Each attack is run in a container and shown refused, and shown to work where the
// protection is not there.
package test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A procfs that the root directory brings has links that lead out of any root: no destination
// goes through one. Other links lead nowhere but inside.
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
		into, tmpfs := tincan(t, "-m", dir, "-a", dir+"/etc:/led/made", "--", "ls", "/led/made"), tincan(t, "-m", dir, "--tmpfs=/led", "--", "ls", "/led/")
		if strings.HasPrefix(link, "/proc") {
			refused(t, into, "/led/made in the container leads to /proc/", "/proc, which is the container's own")
			refused(t, tmpfs, "/led in the container leads to /proc/", "/proc, which is the container's own")
		} else if into.status != 0 || into.out != "mine\n" || tmpfs.status != 0 || tmpfs.out != "" {
			t.Errorf("%s: %v\n%v", link, into, tmpfs)
		}
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
	profiles := []string{"tutorial", filepath.Join(profileDir(), "podman-seccomp.json"), filepath.Join(profileDir(), "moby-default.json")}
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

// A launcher that is told to stop, by SIGTSTP, stops with its command, for the shell's sake: the
// deadline is seen all the same.
func TestHole29StoppedPastItsDeadline(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, init := range []string{"--init", "--no-init"} {
		c := exec.Command(tincanBin, forUser([]string{init, "--timeout=1s", "-m", dir, "--", "sh", "-c", "while :; do :; done & echo ready; sleep 100"})...)
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

// an attack is the probe's `exchange` or `catch`: what a check has looked at is another thing
// when it is used. It goes on for as long as the test runs.
type attack func(t *testing.T, how, dir, a, b string)

// fromBoth runs a test beside an attack by a process of the host, and by another container that
// has the directory.
func fromBoth(t *testing.T, test func(t *testing.T, attack attack)) {
	t.Run("host", func(t *testing.T) {
		test(t, func(t *testing.T, how, dir, a, b string) { attacking(t, exec.Command(probeBin, how, dir, a, b)) })
	})
	t.Run("container", func(t *testing.T) {
		test(t, func(t *testing.T, how, dir, a, b string) {
			os.Chmod(dir, 0o777)
			args := forUser([]string{"-m", tree(t), "-a", dir + ":/shared", "-a", probeBin + ":/probe:ro", "--", "/probe", how, "/shared", a, b})
			attacking(t, exec.Command(tincanBin, args...))
		})
	})
}

func attacking(t *testing.T, c *exec.Cmd) {
	t.Helper()
	stop, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "begins" {
		t.Errorf("the attacker says %q", lines.Text())
	}
	t.Cleanup(func() {
		stop.Close()
		lines.Scan()
		if n, _ := strconv.Atoi(lines.Text()); n == 0 {
			t.Errorf("nothing was ever exchanged, so that the test shows nothing (%q)", lines.Text())
		} else {
			t.Logf("%d exchanges", n)
		}
		c.Wait()
	})
}

// races is how many runs go on beside an exchange. TINCAN_TEST_RACES=10000 is for by hand.
func races() int {
	if n, err := strconv.Atoi(os.Getenv("TINCAN_TEST_RACES")); err == nil {
		return n
	}
	if testing.Short() || asUser != "" {
		return 40
	}
	return 500
}

// beside runs tincan again and again beside an exchange, and gives what ran to the function.
// A run may be refused: the tree is changed under it. look is nil where most of them are.
func beside(t *testing.T, args []string, look func(r result)) {
	t.Helper()
	besideRuns(t, races(), args, look)
}

func besideRuns(t *testing.T, n int, args []string, look func(r result)) {
	t.Helper()
	ran := 0
	for range n {
		r := tincan(t, args...)
		if r.status == 125 && r.out == "" {
			continue
		}
		ran++
		if look != nil {
			look(r)
		}
	}
	t.Logf("%d runs, %d refused", n, n-ran)
	if ran == 0 && look != nil && n >= 40 {
		t.Error("all were refused, so that the test shows nothing")
	}
}

// A mount point that was just made, swapped for a symlink to a file of the host: nothing
// about the file changes, and nothing is made beside it.
func TestHole23ModeOfAnyFile(t *testing.T) {
	fromBoth(t, func(t *testing.T, attack attack) {
		dir := tree(t)
		outside := t.TempDir()
		os.Chmod(filepath.Dir(outside), 0o755)
		victim := filepath.Join(outside, "victim")
		write(t, victim, "private")
		if err := os.Chmod(victim, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		attack(t, "catch", dir, "made", "link")
		beside(t, []string{"-m", dir, "-a", dir + "/etc:/made", "--", "true"}, nil)
		fi, err := os.Stat(victim)
		if err != nil || fi.Mode().Perm() != 0o600 || read(t, victim) != "private" {
			t.Errorf("the file is %v by now (%v)", fi.Mode(), err)
		}
		if all, _ := os.ReadDir(outside); len(all) != 1 {
			t.Errorf("made on the host: %v", all)
		}
	})
}

// What the container's process makes while the host's tree is still mounted, in the place of a
// directory that is swapped for a symlink: `..` of the container's root is the host's then.
func TestHole23DotDot(t *testing.T) {
	for _, swapped := range []string{"dev", "tmp", "sys"} {
		t.Run(swapped, func(t *testing.T) {
			fromBoth(t, func(t *testing.T, attack attack) {
				dir := tree(t)
				outside := t.TempDir()
				os.Chmod(filepath.Dir(outside), 0o755)
				os.Chmod(outside, 0o777)
				for _, d := range []string{"fs", "fs/cgroup"} {
					mkdir(t, filepath.Join(outside, d))
				}
				for _, d := range []string{"proc", "sys", "dev", "tmp", "etc"} {
					mkdir(t, filepath.Join(dir, d))
				}
				write(t, filepath.Join(dir, "etc/hosts"), "127.0.0.1 localhost\n")
				write(t, filepath.Join(outside, "hosts"), "the host's")
				noLeaks(t, outside)
				// The directory itself may be replaced by nothing: only links are made beside it.
				if err := os.Symlink(".."+outside, filepath.Join(dir, "link")); err != nil {
					t.Fatal(err)
				}
				attack(t, "exchange", dir, swapped, "link")
				n := races()
				if swapped != "dev" && n == 500 {
					n = 100
				}
				besideRuns(t, n, []string{"-m", dir, "-a", dir + "/etc:/tmp/a/b", "--", "true"}, nil)
			})
		})
	}
}

// An entry of the root directory, swapped for a symlink to a directory of the host.
func TestHole24EntrySwapped(t *testing.T) { fromBoth(t, hole24) }

func hole24(t *testing.T, attack attack) {
	busybox := filepath.Join(tree(t), "bin/busybox")
	outside := t.TempDir()
	os.Chmod(outside, 0o755)
	write(t, filepath.Join(outside, "secret"), "of the host")
	for _, link := range []string{outside, strings.Repeat("../", 12) + outside[1:]} {
		t.Run(link[:1], func(t *testing.T) {
			dir := t.TempDir()
			os.Chmod(dir, 0o755)
			for _, d := range []string{"bin", "etc", "proc"} { // and no /dev, so that the root is put together
				mkdir(t, filepath.Join(dir, d))
			}
			copyFile(t, busybox, filepath.Join(dir, "bin/busybox"))
			if err := os.Symlink(link, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			attack(t, "exchange", dir, "etc", "link")
			beside(t, []string{"--ro", "-m", dir, "--", "/bin/busybox", "ls", "-a", "/etc", "/link", "/"}, func(r result) {
				if strings.Contains(r.out, "secret") {
					t.Errorf("the host's directory is inside: %q", r.out)
				}
			})
		})
	}
}

// What is added has its attributes wherever somebody moves the place meanwhile.
func TestHole25AttributesByName(t *testing.T) { fromBoth(t, hole25) }

func hole25(t *testing.T, attack attack) {
	dir := tree(t)
	mkdir(t, filepath.Join(dir, "d"))
	mkdir(t, filepath.Join(dir, "e"))
	data, other := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "other")
	for _, d := range []string{data, other} {
		mkdir(t, d)
		os.Chmod(d, 0o777)
	}
	attack(t, "exchange", dir, "d", "e")
	// What is mounted first may get the attributes of what comes second.
	beside(t, []string{"-m", dir, "-a", other + ":/e", "-a", data + ":/d:ro", "--", "sh", "-c", "cat /proc/self/mountinfo; echo x >/d/x; echo x >/e/x"}, func(r result) {
		found := 0
		for l := range strings.Lines(r.out) {
			f := strings.Fields(l)
			if len(f) < 6 {
				continue
			}
			have := "," + f[5] + ","
			lacks := func(options ...string) {
				for _, o := range options {
					if !strings.Contains(have, ","+o+",") {
						t.Errorf("without %s: %s", o, l)
					}
				}
			}
			switch {
			case strings.HasSuffix(f[3], "/data"):
				found++
				lacks("ro", "nosuid", "nodev")
			case strings.HasSuffix(f[3], "/other"), f[4] == "/":
				found++
				lacks("rw", "nosuid", "nodev")
			}
		}
		if found != 3 {
			t.Errorf("%d of 3 mounts are there: %v", found, r)
		}
	})
	if all, _ := os.ReadDir(data); len(all) != 0 {
		t.Errorf("written: %v", all)
	}
}

// What was added to an image is what was looked at, and an image is its owner's.
func TestHole32ImageFilesSwapped(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	mkdir(t, tree)
	write(t, filepath.Join(dir, "secret"), "SECRET-32-S\n")
	write(t, filepath.Join(tree, "file"), "of the tree\n") // as long as the other
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(tree, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(tree, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "image.cpio")
	image := func() (string, error) {
		c := exec.Command(tincanBin, "initramfs", "-o", out, "--add", tree+":/tree")
		text, err := c.CombinedOutput()
		return string(text), err
	}
	attacking(t, exec.Command(probeBin, "exchange", tree, "file", "link"))
	made := 0
	images := min(60, races())
	for range images {
		if text, err := image(); err != nil {
			if !strings.Contains(text, "something else is changing this directory") && !strings.Contains(text, "too many levels of symbolic links") && !strings.Contains(text, "no such file") {
				t.Fatalf("%v: %s", err, text)
			}
			continue
		}
		made++
		if b := read(t, out); strings.Contains(b, "SECRET-32-S") {
			t.Fatal("the image holds what the link led to")
		}
	}
	t.Logf("%d of %d images made", made, images)
	exchangeWithFIFO(t, tree, image)
	if fi, err := os.Stat(out); err == nil && fi.Mode().Perm() != 0o600 {
		t.Errorf("the image is %v", fi.Mode())
	}
	link := filepath.Join(dir, "out-link")
	if err := os.Symlink("/dev/null/none", link); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{link, pipe} {
		for _, args := range [][]string{{"initramfs", "-o", o}, {"seccomp", "compile", "default", "-o", o}} {
			if text, err := exec.Command(tincanBin, args...).CombinedOutput(); err == nil || !strings.Contains(string(text), "a symlink, a FIFO") {
				t.Errorf("%q: %v: %s", args, err, text)
			}
		}
	}
}

// exchangeWithFIFO: a FIFO in a file's place has nobody wait.
func exchangeWithFIFO(t *testing.T, tree string, image func() (string, error)) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(tree, "other"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	attacking(t, exec.Command(probeBin, "exchange", tree, "other", "fifo"))
	for range min(30, races()) {
		begin := time.Now()
		image()
		if took := time.Since(begin); took > 10*time.Second {
			t.Fatalf("an image took %v", took)
		}
	}
}

// A descriptor of the three that is a directory of the host leads out of the container.
func TestHole38Descriptors(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	srv, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for i, name := range []string{"input", "output"} {
		var errs strings.Builder
		c := exec.Command(tincanBin, forUser([]string{"-m", dir, "--", "ls", "/proc/self/fd/0/..", "/proc/self/fd/1/.."})...)
		c.Stderr = &errs
		if c.Stdin = srv; i == 1 {
			c.Stdin, c.Stdout = nil, srv
		}
		c.Run()
		if c.ProcessState.ExitCode() != 125 || !strings.Contains(errs.String(), "standard "+name+" is a directory of the host") {
			t.Errorf("%v: %s", c.ProcessState, errs.String())
		}
	}
}

// A file that the command can only read is not written through /proc/self/fd/0.
func TestHole38ReadOnlyInput(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	files := t.TempDir()
	os.Chmod(filepath.Dir(files), 0o755)
	os.Chmod(files, 0o755)
	file := files + "/a file"
	const attack = `cat; for how in '>' '>>' '<>'; do eval "echo spoiled $how/proc/self/fd/0" 2>&1 && echo written; done; : `
	inside := []string{"-m", dir, "--", "sh", "-c", attack}
	for _, mode := range []os.FileMode{0o644, 0o666, 0o600} {
		write(t, file, "first\nsecond\n")
		os.Chmod(file, mode)
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		in.Seek(6, io.SeekStart)
		r := job{in: in, args: inside}.run(t)
		in.Close()
		if !strings.HasPrefix(r.out, "second\n") || strings.Contains(r.out, "written") || read(t, file) != "first\nsecond\n" || r.status != 0 {
			t.Errorf("mode %o: %v\nand the file: %q", mode, r, read(t, file))
		}
	}
	// A file that can be written is the caller's wish.
	os.Chmod(file, 0o666)
	in, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if r := (job{in: in, args: inside}).run(t); strings.Count(r.out, "written") != 3 {
		t.Errorf("open for writing: %v", r)
	}
	// A file without a name, as a shell's here-document.
	os.Remove(file)
	write(t, file, "no name\n")
	gone, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	os.Remove(file)
	if r := (job{in: gone, args: []string{"-m", dir, "--", "cat"}}).run(t); r.out != "no name\n" || r.status != 0 || r.err != "" {
		t.Errorf("without a name: %v", r)
	}
	// A name that is another file's by now.
	write(t, file, "moved\n")
	os.Chmod(file, 0o666)
	moved, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	if err := os.Link(file, files+"/other"); err != nil {
		t.Fatal(err)
	}
	os.Remove(file)
	refused(t, job{in: moved, args: inside}.run(t), "standard input", "use a pipe")
}

// The file that is opened again is the one that was given, or nothing runs; and a FIFO in its
// place is not waited for.
func TestHole38InputSwapped(t *testing.T) {
	for _, other := range []string{"secret", "fifo"} {
		dir, files := tree(t), t.TempDir()
		os.Chmod(filepath.Dir(files), 0o755)
		os.Chmod(files, 0o777)
		write(t, files+"/in", "given")
		os.Chmod(files+"/in", 0o666)
		write(t, files+"/secret", "SECRET")
		os.Chmod(files+"/secret", 0o600)
		if err := unix.Mkfifo(files+"/fifo", 0o600); err != nil {
			t.Fatal(err)
		}
		attacking(t, exec.Command(probeBin, "exchange", files, "in", other))
		ran, n := 0, min(100, races())
		for range n {
			fd, err := unix.Open(files+"/in", unix.O_RDONLY|unix.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			in := os.NewFile(uintptr(fd), "in")
			var st unix.Stat_t
			unix.Fstat(fd, &st)
			if st.Mode&0o777 != 0o666 {
				in.Close()
				continue // the other one, and the caller's own doing
			}
			r := job{in: in, args: []string{"--timeout=5s", "-m", dir, "--", "cat"}, within: 20 * time.Second}.run(t)
			in.Close()
			if strings.Contains(r.out, "SECRET") || r.status == 124 {
				t.Fatalf("%s: %v", other, r)
			}
			if r.status == 0 {
				ran++
			}
		}
		t.Logf("%s: %d of %d ran", other, ran, n)
	}
}

// A profile that refuses what tincan itself needs under it is found before anything is made.
func TestHole40LastCalls(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	none := filepath.Join(t.TempDir(), "none.json")
	write(t, none, `{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": []}`)
	profiles := map[string]string{none: "execve"}
	for _, call := range []string{"execve", "write", "exit_group"} {
		for _, action := range []string{"SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"} {
			file := filepath.Join(t.TempDir(), call+".json")
			write(t, file, fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [%q], "action": %q}]}`, call, action))
			profiles[file] = call
			compiled := strings.TrimSuffix(file, "json") + "bpf"
			if out, err := exec.Command(tincanBin, "seccomp", "compile", file, "-o", compiled).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			profiles[compiled] = call
		}
	}
	for file, call := range profiles {
		r := tincan(t, "--seccomp="+file, "-m", dir, "--", "true")
		refused(t, r, "the filter answers "+call+" with", "allow them")
		if r.took > 2*time.Second {
			t.Errorf("%s: after %v", file, r.took)
		}
	}
}

// Names from outside reach nobody's terminal as they are.
func TestHole42Words(t *testing.T) {
	dir := tree(t)
	const evil = "\x1b]52;c;ZWNobw==\x07\u009b2J"
	file := filepath.Join(t.TempDir(), evil+".json")
	write(t, file, `{"defaultAction": "SCMP_ACT_ALLOW", "`+strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`).Replace(evil)+`": 1, "syscalls": [{"names": ["`+`\u001b]0;x\u0007`+`"], "action": "SCMP_ACT_ERRNO"}]}`)
	if err := os.Symlink(evil, filepath.Join(dir, "led")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "bin/script")
	write(t, script, "#!/"+evil+"\n")
	os.Chmod(script, 0o755)
	noLeaks(t, dir)
	for _, args := range [][]string{
		{"-m", dir, "-a", evil + ":/x", "--", "true"}, {"-m", dir, "-a", dir + "/etc:/led/x", "--", "true"}, {"-m", evil, "--", "true"},
		{"-m", dir, "--", evil}, {"-m", dir, "--", "/bin/script"}, {"--seccomp=" + file, "-m", dir, "--", "true"}, {"-m", dir, "--" + evil, "--", "true"},
		{"-m", dir, "--hostname=" + evil + "/", "--", "true"}, {"-m", dir, "-w", "/" + evil, "--", "true"}, {"-m", dir, "--stats=/" + evil + "/x", "--", "true"},
		{"seccomp", "show", file}, {"seccomp", "compile", file, "-o", "/dev/null"}, {"plan", "--explain", "-m", dir, "-a", dir + "/etc:/" + evil, "--", "true"},
		{"initramfs", "-o", "/dev/null", "--add", evil + ":/x"}, {evil},
	} {
		c := exec.Command(tincanBin, args...)
		out, _ := c.CombinedOutput()
		if len(out) == 0 && c.ProcessState.ExitCode() != 0 {
			t.Errorf("%q: no word", args)
		}
		if strings.ContainsAny(string(out), "\x1b\x07") || strings.Contains(string(out), "\u009b") {
			t.Errorf("%q: %q", args, out)
		}
	}
}

// --stats goes to a regular file only, and an empty last argument does not keep the host's
// command line readable inside.
func TestHole43WhatOthersCanDeny(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	place := t.TempDir()
	victim, link, fifo := place+"/victim", place+"/link", place+"/fifo"
	write(t, victim, "the victim's")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{link, fifo} {
		refused(t, job{args: []string{"--stats=" + file, "-m", dir, "--", "true"}, within: 10 * time.Second}.run(t), "--stats="+file, "a symlink, a FIFO")
	}
	refused(t, job{args: []string{"--seccomp=" + fifo, "-m", dir, "--", "true"}, within: 10 * time.Second}.run(t), "--seccomp="+fifo, "not a regular file")
	if got := read(t, victim); got != "the victim's" {
		t.Errorf("the link was written through: %q", got)
	}
	for _, args := range [][]string{{"cat", "/proc/1/cmdline", ""}, {"sh", "-c", "cat /proc/1/cmdline", "secret-word", ""}} {
		r := tincan(t, append([]string{"-m", dir, "--hostname=secret-word", "--"}, args...)...)
		if strings.Contains(r.out, "secret-word") || !strings.HasPrefix(r.out, "tincan-init") {
			t.Errorf("%q: %q", args, r.out)
		}
	}
}

// Ids of the container that are somebody's on the host.
func TestHole34IdsOfSomebody(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	etc := func(file, line string) []string {
		return inMountNS(t, "cat /etc/"+file+" >/tmp/etc-34-$$ 2>/dev/null || :; echo '"+line+"' >>/tmp/etc-34-$$; touch /tmp/none-34; mount --bind /tmp/etc-34-$$ /etc/"+file+"; rm /tmp/etc-34-$$ /tmp/none-34")
	}
	for _, c := range []struct{ file, line, want string }{
		{"passwd", "joe:x:10000:10000::/home/joe:/bin/sh", "joe (/etc/passwd: 10000)"},
		{"passwd", "ann:x:11999:11999::/home/ann:/bin/sh", "ann (/etc/passwd: 11999)"},
		{"subuid", "eve:5000:5001", "eve (/etc/subuid: 5000)"},
	} {
		if c.file == "subuid" && !exists("/etc/subuid") {
			continue
		}
		refused(t, job{before: etc(c.file, c.line), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t), c.want, "--map=0:2000000:2000")
		if r := (job{before: etc(c.file, c.line), args: []string{"--map=0:2000000:2000", "-m", dir, "--", "echo", "ran"}}).run(t); r.status != 0 || r.err != "" {
			t.Errorf("%s: with another range: %v", c.line, r)
		}
		if r := (job{before: etc(c.file, c.line), args: []string{"--map=0:10000:2000", "-m", dir, "--", "echo", "ran"}}).run(t); r.status != 0 || strings.Count(r.err, c.want) != 1 {
			t.Errorf("%s: asked for: %v", c.line, r)
		}
	}
	refused(t, job{before: etc("passwd", "sue:x:12000:12000::/:/bin/sh"), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t), "sue (/etc/passwd: 12000)")
	for _, line := range []string{"joe:x:9999:10000::/:/bin/sh", "joe:x:12001:12001::/:/bin/sh", "joe:x::::", "joe"} {
		if r := (job{before: etc("passwd", line), args: []string{"-m", dir, "--", "echo", "ran"}}).run(t); r.status != 0 || r.err != "" {
			t.Errorf("%s: %v", line, r)
		}
	}
}

// What is long takes no time that grows with the square of its length.
func TestHole41LongProfiles(t *testing.T) {
	dir := t.TempDir()
	long := map[string]func(n int) string{
		"keys": func(n int) string {
			var b strings.Builder
			for i := range 2 * n {
				fmt.Fprintf(&b, `"k%d": 1, `, i)
			}
			return `{` + b.String() + `"defaultAction": "SCMP_ACT_ALLOW"}`
		},
		"rules": func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": %d, "op": "SCMP_CMP_EQ"}]}, `, i)
			}
			return `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [` + strings.TrimSuffix(b.String(), ", ") + `]}`
		},
	}
	for name, text := range long {
		file := filepath.Join(dir, name)
		took := func(n int) time.Duration {
			write(t, file, text(n))
			begin := time.Now()
			out, err := exec.Command(tincanBin, "seccomp", "compile", file, "-o", "/dev/null").CombinedOutput()
			if err == nil || strings.Count(string(out), "\n") > 2 {
				t.Errorf("%s: %v: %.300s", name, err, out)
			}
			return time.Since(begin)
		}
		// Ten times the length takes some ten times as long, and not a hundred times.
		if short, all := took(3000), took(30000); all > 25*short+time.Second {
			t.Errorf("%s: a tenth of it takes %v, and all %v", name, short, all)
		}
	}
}

// A terminal of which nothing was handed over: it cannot be opened, taken or read, and what is
// typed at the shell stays the shell's.
func TestHole28TerminalNotHandedOver(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	place := t.TempDir()
	os.Chmod(place, 0o777)
	out := filepath.Join(place, "out")
	// In a file, since the terminal's lines are short.
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
			for _, d := range []string{"0", "1", "2"} {
				if e := got["read "+d]; e == "ok" || e == "EAGAIN" || e == "" {
					t.Errorf("%s, %s: read %s: %q", c.what, init, d, e)
				}
			}
		}
	}
	// What it takes for the test to show anything: handed over, all of it works.
	os.Remove(out)
	x.run(line("--init", ""))
	got := parseProbe(result{out: read(t, out)})
	for _, a := range []string{"open /dev/tty", "foreground by /dev/tty", "foreground by 0"} {
		expect(t, got, a, "ok")
	}
	expect(t, got, "read 0", "EAGAIN")
	// Ctrl-Z stops a command that the terminal does not reach, and fg goes on.
	nap := fmt.Sprintf("2.%d", os.Getpid())
	x.send(fmt.Sprintf("sh %s -- sleep %s </dev/null >/dev/null 2>&1\n", runs, nap))
	eventually(t, "the command runs", func() bool { return sleeping(nap) > 0 })
	x.send("\x1a")
	x.expect("Stopped")
	x.expect("prompt> ")
	if got := x.run("fg >/dev/null; echo $?"); !strings.HasSuffix(got, "0\n") {
		t.Errorf("after fg: %q", got)
	}
	// What a command leaves behind on a terminal that it had.
	x.run(fmt.Sprintf("sh %s -- /probe spoil", runs))
	if got := x.run("exec 9<>$(tty) && echo open''ed"); !strings.Contains(got, "opened\n") {
		t.Errorf("the terminal cannot be opened afterwards: %q", got)
	}
}

// A command that is PID 1 clears its death signal: it ends with the launcher all the same,
// however that is killed.
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
			t.Errorf("%d of them run", running())
		}
		to := c.Process.Pid
		if how != "alone" {
			to = -to
		}
		unix.Kill(to, unix.SIGKILL)
		c.Wait()
		eventually(t, "the command ends with its launcher, killed "+how, func() bool { return running() == 0 })
	}
	ok(t, "-m", dir, "--", "true") // and removes what the killed ones have left
	if r := tincan(t, "--no-init", "-m", dir, "--", "sh", "-c", "exit 7"); r.status != 7 {
		t.Error(r)
	}
}

// Until execve the process is tincan, and /proc/self/exe its file: no way of executing a command
// leads there. Each of these ran tincan inside in 0.1.0.
func TestHole39OwnFileInside(t *testing.T) {
	dir := tree(t)
	os.Symlink("/proc/self/exe", dir+"/bin/to-exe")
	os.Symlink("to-exe", dir+"/bin/second")
	for name, first := range map[string]string{
		"script": "/proc/self/exe", "argument": "/proc/self/exe --", "behind-a-link": "/bin/to-exe", "thread": "/proc/thread-self/exe",
		"dots": "/proc/1/../self/./exe", "two": "/bin/script", "blanks": " \t/proc/self/exe\t x",
	} {
		write(t, dir+"/bin/"+name, "#!"+first+"\n")
		os.Chmod(dir+"/bin/"+name, 0o755)
	}
	loaded := elfWithInterpreter("/proc/self/exe")
	write(t, dir+"/bin/loaded", string(loaded))
	os.Chmod(dir+"/bin/loaded", 0o755)
	noLeaks(t, dir)
	for _, command := range []string{
		"/proc/self/exe", "/proc/thread-self/exe", "/bin/to-exe", "/bin/second", "to-exe", "second",
		"/bin/script", "/bin/argument", "/bin/behind-a-link", "/bin/thread", "/bin/dots", "/bin/two", "/bin/blanks", "script", "/bin/loaded",
	} {
		for _, more := range [][]string{nil, {"--no-init"}, {"--seccomp=none"}, {"--ephemeral"}} {
			r := tincan(t, append(append([]string{"-m", dir}, more...), "--", command, "--version")...)
			wantFailure(t, r, 126, "RESOLVE_NO_MAGICLINKS", "ELOOP")
		}
	}
	// The init is closed to the command, and what is given is not taken away.
	wantFailure(t, tincan(t, "-m", dir, "--", "/proc/1/exe"), 126, "EACCES")
	busybox, err := os.Open("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	defer busybox.Close()
	for _, name := range []string{"/proc/self/fd/3", "/dev/fd/3"} {
		if r := (job{files: []*os.File{busybox}, args: []string{"-m", dir, "--pass-fd=3", "--", name, "echo", "ran"}}).run(t); r.status != 0 && !strings.Contains(r.err+r.out, "applet not found") {
			t.Errorf("--pass-fd=3 -- %s: %v", name, r)
		}
	}
	if r := (job{in: busybox, args: []string{"-m", dir, "--", "/dev/stdin"}}).run(t); r.status == 126 {
		t.Errorf("a program as standard input: %v", r)
	}
}

// elfWithInterpreter is the beginning of a program that is linked dynamically.
func elfWithInterpreter(name string) []byte {
	b := make([]byte, 4096)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	machine := map[string]uint16{"amd64": 62, "arm64": 183, "riscv64": 243}[runtime.GOARCH]
	le.PutUint16(b[16:], 2) // ET_EXEC
	le.PutUint16(b[18:], machine)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[24:], 0x10000)
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[52:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 2)
	header := func(at int, kind, flags uint32, offset, addr, size uint64) {
		le.PutUint32(b[at:], kind)
		le.PutUint32(b[at+4:], flags)
		for i, v := range []uint64{offset, addr, addr, size, size, 4096} {
			le.PutUint64(b[at+8+8*i:], v)
		}
	}
	header(64, 3, 4, 2048, 0x10800, uint64(len(name)+1)) // PT_INTERP, behind the first 1024 bytes
	header(120, 1, 5, 0, 0x10000, 4096)                  // PT_LOAD
	copy(b[2048:], name)
	return b
}

// A read-only mount does not keep anybody from talking to a socket or a FIFO in it.
func TestHole35SocketsOfTheTree(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	var sockets, fifos []string
	dir := func(path string) string {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(path) })
		return path
	}
	socket := func(path string) {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		os.Chmod(path, 0o777)
		sockets = append(sockets, path)
	}
	name := uniqueName()
	lib := dir("/var/lib/" + name)
	socket(lib + "/a socket\n")
	socket(dir("/srv/"+name) + "/socket")
	socket(dir("/opt/"+name) + "/socket")
	socket("/var/" + name)
	fifo := lib + "/fifo"
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(fifo, 0o666)
	r, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fifos = append(fifos, fifo)
	inside := []string{"-a", probeBin + ":/tmp/probe", "--", "/tmp/probe", "connect"}
	for as, before := range map[string][]string{"root": nil, "user": becomeUser(t, "single")} {
		args := append(inside, sockets...)
		if as == "user" {
			args = append([]string{"--no-cgroup"}, args...)
		}
		got := parseProbe(job{before: before, args: args}.run(t))
		for _, s := range sockets {
			if strings.Contains(s, "\n") {
				continue // the probe's report is in lines
			}
			expect(t, got, s, "ECONNREFUSED")
		}
		args = append([]string{"--no-cgroup", "--", "sh", "-c", `for f; do echo hello >"$f"; test -c "$f" || echo "$f is there"; done`, "sh"}, append(fifos, sockets...)...)
		if r := (job{before: before, args: args}).run(t); r.out != "" {
			t.Errorf("as %s: %v", as, r)
		}
		if n, _ := r.Read(make([]byte, 100)); n > 0 {
			t.Errorf("as %s: the host's FIFO took what the command wrote", as)
		}
		for _, private := range []string{"/var/log", "/var/spool", "/var/cache"} {
			args := []string{"--no-cgroup", "--", "ls", "-A", private}
			if r := (job{before: before, args: args}).run(t); r.status != 0 || r.out != "" {
				t.Errorf("as %s, %s: %v", as, private, r)
			}
		}
	}
	// What was asked for is there.
	got := parseProbe(tincan(t, append([]string{"-a", "/srv/" + name + ":/srv/" + name}, append(inside, "/srv/"+name+"/socket")...)...))
	expect(t, got, "/srv/"+name+"/socket", "ok")
}

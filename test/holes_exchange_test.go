// Holes 23, 24, 25, 32 and 38 of tools of this class: somebody exchanges a file between a check and
// the use. Each attack runs beside many runs of tincan.
package test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attack starts the probe's `exchange` or `catch`: a file that tincan has checked becomes another
// file before it is used. The attack goes on until the test ends.
type attack func(t *testing.T, how, dir, a, b string)

// fromBoth runs a test during an attack by a process of the host, and during one by another
// container that has the directory.
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

// attacking starts an attacking program, and ends it with the test.
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
		t.Errorf("the attacker printed %q", lines.Text())
	}
	t.Cleanup(func() {
		stop.Close()
		lines.Scan()
		if n, _ := strconv.Atoi(lines.Text()); n == 0 {
			t.Errorf("the attacker exchanged nothing, so this test shows nothing (%q)", lines.Text())
		} else {
			t.Logf("%d exchanges", n)
		}
		c.Wait()
	})
}

// races returns the number of runs during an attack. TINCAN_TEST_RACES=10000 sets it, for a long
// run by hand.
func races() int {
	if n, err := strconv.Atoi(os.Getenv("TINCAN_TEST_RACES")); err == nil {
		return n
	}
	if testing.Short() {
		return 40
	}
	return 500
}

// beside runs tincan again and again during an attack. It passes the result of each run that was
// not refused to look, which is nil if most runs are refused because the tree changes while they
// start.
func beside(t *testing.T, args []string, look func(r result)) {
	t.Helper()
	besideRuns(t, races(), 4, args, look)
}

// besideRuns is beside with a number of runs, of which some are always made at a time. While an
// attacker keeps a processor busy, a run mostly waits for the kernel to end its mounts (RCU), so
// several take little longer than one.
func besideRuns(t *testing.T, n, atATime int, args []string, look func(r result)) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	begun, ran := 0, 0
	for range atATime {
		all.Go(func() {
			for {
				mu.Lock()
				begun++
				over := begun > n
				mu.Unlock()
				if over {
					return
				}
				r := tincan(t, args...)
				if r.status == 125 && r.out == "" {
					continue
				}
				mu.Lock()
				ran++
				if look != nil {
					look(r)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d runs, %d refused", n, n-ran)
	if ran == 0 && look != nil && n >= 100 {
		t.Error("all runs were refused, so this test shows nothing")
	}
}

// A new mount point, exchanged for a symlink to a file of the host: the file must not change, and
// nothing may be made beside it.
func TestHole23ModeOfAnyFile(t *testing.T) {
	fromBoth(t, func(t *testing.T, attack attack) {
		dir := tree(t)
		outside := publicDir(t, 0o755)
		victim := filepath.Join(outside, "victim")
		write(t, victim, "private")
		if err := os.Chmod(victim, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		attack(t, "catch", dir, "made", "link")
		// One at a time, because the attacker waits until a run makes the mount point, which runs
		// share.
		besideRuns(t, races(), 1, []string{"-m", dir, "-a", dir + "/etc:/made", "--", "true"}, nil)
		fi, err := os.Stat(victim)
		if err != nil || fi.Mode().Perm() != 0o600 || read(t, victim) != "private" {
			t.Errorf("the file has become %v (%v)", fi.Mode(), err)
		}
		if all, _ := os.ReadDir(outside); len(all) != 1 {
			t.Errorf("made on the host: %v", all)
		}
	})
}

// Files that the container's process makes while the host's tree is still mounted, in a directory
// that is exchanged for a symlink. At that time, `..` of the container's root is a directory of the
// host.
func TestHole23DotDot(t *testing.T) {
	for _, swapped := range []string{"dev", "tmp", "sys"} {
		t.Run(swapped, func(t *testing.T) {
			fromBoth(t, func(t *testing.T, attack attack) {
				dir := tree(t)
				outside := publicDir(t, 0o777)
				for _, d := range []string{"fs", "fs/cgroup"} {
					mkdir(t, filepath.Join(outside, d))
				}
				for _, d := range []string{"proc", "sys", "dev", "tmp", "etc"} {
					mkdir(t, filepath.Join(dir, d))
				}
				write(t, filepath.Join(dir, "etc/hosts"), "127.0.0.1 localhost\n")
				write(t, filepath.Join(outside, "hosts"), "the host's")
				noLeaks(t, outside)
				// A directory can only be exchanged for a symlink beside it.
				if err := os.Symlink(".."+outside, filepath.Join(dir, "link")); err != nil {
					t.Fatal(err)
				}
				attack(t, "exchange", dir, swapped, "link")
				beside(t, []string{"-m", dir, "-a", dir + "/etc:/tmp/a/b", "--", "true"}, nil)
			})
		})
	}
}

// An entry of the root directory, exchanged for a symlink to a directory of the host.
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
			for _, d := range []string{"bin", "etc", "proc"} { // no /dev, so that tincan assembles a root
				mkdir(t, filepath.Join(dir, d))
			}
			copyFile(t, busybox, filepath.Join(dir, "bin/busybox"))
			if err := os.Symlink(link, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			attack(t, "exchange", dir, "etc", "link")
			beside(t, []string{"--ro", "-m", dir, "--", "/bin/busybox", "ls", "-a", "/etc", "/link", "/"}, func(r result) {
				if strings.Contains(r.out, "secret") {
					t.Errorf("the command sees the host's directory: %q", r.out)
				}
			})
		})
	}
}

// An added path must have its attributes wherever its destination is moved meanwhile.
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
	// The mount that was made first could get the attributes of the second.
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
			t.Errorf("found %d of 3 mounts: %v", found, r)
		}
	})
	if all, _ := os.ReadDir(data); len(all) != 0 {
		t.Errorf("written: %v", all)
	}
}

// An image must contain the files that were checked, and belong to its owner alone.
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
	t.Logf("%d of %d images were made", made, images)
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

// exchangeWithFIFO checks that a FIFO in the place of a file does not block tincan.
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

// The file that is opened again must be the one that the caller gave, or nothing may run. A FIFO in
// its place must not block tincan.
func TestHole38InputSwapped(t *testing.T) {
	for _, other := range []string{"secret", "fifo"} {
		dir, files := tree(t), publicDir(t, 0o777)
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
				continue // the caller itself has opened the other file
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

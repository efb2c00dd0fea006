package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMountAstray checks that the launcher notices a mount that is not where it should be, or is not
// read-only, and runs nothing.
func TestMountAstray(t *testing.T) {
	dir := sabotageTree(t)
	for how, step := range map[string]string{"astray": `mount("proc", "/proc", "proc"`, "writable": `mount("/proc/sys", "/proc/sys"`} {
		c := exec.Command(saboteurBinary(t, 0), "run", "-m", dir, "--", "/bin/sh", "-c", "echo ran")
		c.Env = append(os.Environ(), sabotageEnv+"="+how)
		var out, errs strings.Builder
		c.Stdout, c.Stderr = &out, &errs
		c.Run()
		if c.ProcessState.ExitCode() != statusFailed || out.String() != "" || !strings.Contains(errs.String(), step) ||
			!strings.Contains(errs.String(), "shows it elsewhere") {
			t.Errorf("%s: status %d, stdout %q, stderr %s", how, c.ProcessState.ExitCode(), out.String(), errs.String())
		}
	}
}

// TestWantedMounts checks which mounts are found in mountinfo.
func TestWantedMounts(t *testing.T) {
	const info = "43 64 0:51 / /proc rw,nosuid - proc proc rw\n" +
		"44 43 0:6 /null /proc/kcore rw - devtmpfs devtmpfs rw\n" +
		"45 64 0:41 / /a\\040b rw,relatime shared:1 - tmpfs tmpfs rw\n"
	for _, c := range []struct {
		target, kind string
		want         bool
	}{
		{"/proc", "proc", true}, {"/proc", "", true}, {"/proc", "tmpfs", false}, {"/pro", "", false}, {"/proc/kcore", "", true},
		{"/kcore", "", false}, {"/a b", "tmpfs", true}, {"/a", "tmpfs", false}, {"/null", "", false}, {"/", "", false}, {"", "", false},
	} {
		w := []wanted{{target: c.target, fstype: c.kind}}
		if find(w, info); w[0].found != c.want {
			t.Errorf("%q, %q: found is %v", c.target, c.kind, w[0].found)
		}
	}
}

// TestWantedSources checks that the mount of an added path must show the file that the launcher has
// checked.
func TestWantedSources(t *testing.T) {
	const own = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
		"21 20 8:2 /home /home rw - ext4 /dev/sda2 rw\n" +
		"22 21 0:30 / /home/joe/a\\040b rw - tmpfs tmpfs rw\n" +
		"23 20 0:31 /sub /srv rw - btrfs /dev/sdb rw\n" +
		"24 20 0:32 / /srv rw - tmpfs tmpfs rw\n"
	for p, want := range map[string]string{
		"/etc/passwd": "8:1 /etc/passwd", "/": "8:1 /", "/home": "8:2 /home", "/home/joe": "8:2 /home/joe", "/homes": "8:1 /homes",
		"/home/joe/a b": "0:30 /", "/home/joe/a b/c": "0:30 /c", "/home/joe/a": "8:2 /home/joe/a", "/srv/x": "0:32 /x",
	} {
		l := []located{{path: p}}
		locate(l, own)
		device, root := l[0].device, l[0].root
		if got := device + " " + root; got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
	for line, want := range map[string]bool{
		"50 49 8:1 /srv/data /d rw - ext4 /dev/sda1 rw\n":  true,
		"50 49 8:2 /srv/data /d rw - ext4 /dev/sda2 rw\n":  false,
		"50 49 8:1 /srv/other /d rw - ext4 /dev/sda1 rw\n": false,
		"50 49 8:1 /srv/data /e rw - ext4 /dev/sda1 rw\n":  false,
	} {
		w := []wanted{{target: "/d", device: "8:1", root: "/srv/data"}}
		if find(w, line); w[0].found != want {
			t.Errorf("%s: found is %v", line, w[0].found)
		}
	}
}

// TestWantedMasks checks that a mask must show the container's own /dev/null or /proc, with the
// attributes that are set after it is mounted.
func TestWantedMasks(t *testing.T) {
	const null, proc = "30 29 0:50 / /dev rw - tmpfs tmpfs rw\n", "31 29 0:51 / /proc rw - proc proc rw\n"
	p := append(plan{pivotRoot(".", ".")}, masks(true)...)
	for line, want := range map[string]bool{
		"40 31 0:50 /null /proc/keys rw - tmpfs tmpfs rw\n":                 true,
		"40 31 0:51 /version /proc/keys rw - proc proc rw\n":                false,
		"40 31 8:1 /srv/tree/other/null /proc/keys rw - ext4 /dev/sda rw\n": false,
		"40 31 0:51 /sys /proc/sys ro - proc proc rw\n":                     true,
		"40 31 0:51 /sys /proc/sys rw - proc proc rw\n":                     false,
		"40 31 8:1 /srv/tree/sys /proc/sys ro - ext4 /dev/sda rw\n":         false,
		"40 31 0:51 /tty/ldisc /sys/firmware rw - proc proc rw\n":           true,
		"40 31 0:51 /tty /sys/firmware rw - proc proc rw\n":                 false,
		"40 31 8:1 /tty/ldisc /sys/firmware rw - ext4 /dev/sda rw\n":        false,
	} {
		all := wantedMounts(p)
		wantMasks(all, null+proc+line)
		find(all, null+proc+line)
		found := false
		for _, w := range all {
			found = found || w.found
		}
		if found != want {
			t.Errorf("%s: found is %v", line, found)
		}
	}
}

// TestMasksWithoutTerminals checks that directories are also covered where the kernel has no
// directory that is always empty.
func TestMasksWithoutTerminals(t *testing.T) {
	with, without := masks(true), masks(false)
	if len(with) != len(without) {
		t.Fatalf("%d steps, and %d without terminals", len(with), len(without))
	}
	for i, s := range without {
		at := with[i].String()
		if strings.Contains(s.String(), emptyDir) || strings.Contains(at, emptyDir) != strings.Contains(s.String(), "MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC") {
			t.Errorf("%s, and without terminals %s", at, s)
		}
	}
}

// TestNeedless checks that a mount may be missing only if it hides a file that this kernel does not
// have.
func TestNeedless(t *testing.T) {
	for target, want := range map[string]bool{"/proc/none-such": true, "/sys/none-such": true, "/proc/self": false, "/srv/none-such": false, "/procs/none-such": false} {
		if w := (wanted{step: mount("/dev/null", target, "", unix.MS_BIND, "").or(unix.ENOENT), target: target}); w.needless() != want {
			t.Errorf("%s: %v", target, !want)
		}
	}
	if w := (wanted{step: mount("proc", "/proc/none-such", "proc", 0, ""), target: "/proc/none-such"}); w.needless() {
		t.Error("a step that must not fail may be missing")
	}
}

// The eighteen defects of the published code, by number: each test would fail there. 13 and 16 need
// access to the program's internals, and are in defects_unit_test.go in the root directory.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// When the user namespace failed, the published code ran the command as the host's root.
func TestDefect01UserNamespaceFailureIgnored(t *testing.T) {
	notForRanges(t, "newuidmap does not work under a user's filter")
	dir := tree(t)
	mark := t.TempDir()
	os.Chmod(mark, 0o777)
	noLeaks(t, dir, mark)
	args := []string{"-m", dir, "-a", mark + ":/mark", "--", "sh", "-c", "echo ran; touch /mark/ran"}
	for _, extra := range [][]string{nil, {"--no-init"}, {"-u", "1000"}} {
		r := job{before: []string{probeBin, "deny", "newuser", "--"}, args: append(extra, args...)}.run(t)
		refused(t, r, "unshare(CLONE_NEWUSER) = EPERM", "step ")
	}
	if exists(filepath.Join(mark, "ran")) {
		t.Error("the command ran")
	}
	// Without the filter the same command must run, or this test shows nothing.
	if r := tincan(t, append([]string{"--no-init"}, args...)...); r.status != 0 || r.out != "ran\n" {
		t.Error(r)
	}
	os.Remove(filepath.Join(mark, "ran"))
	os.Chtimes(mark, time.Time{}, time.Time{})
}

// dropped are the tutorial's 21 capabilities, with their numbers in linux/capability.h.
var dropped = map[string]int{
	"DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FSETID": 4, "IPC_LOCK": 14, "SYS_MODULE": 16, "SYS_RAWIO": 17,
	"SYS_ADMIN": 21, "SYS_BOOT": 22, "SYS_NICE": 23, "SYS_RESOURCE": 24, "SYS_TIME": 25, "MKNOD": 27,
	"AUDIT_WRITE": 29, "AUDIT_CONTROL": 30, "SETFCAP": 31, "MAC_OVERRIDE": 32, "MAC_ADMIN": 33, "SYSLOG": 34,
	"WAKE_ALARM": 35, "BLOCK_SUSPEND": 36, "AUDIT_READ": 37,
}

// capsInside returns the five capability sets of a command in a container.
func capsInside(t *testing.T, args ...string) map[string]uint64 {
	t.Helper()
	st := statusFields(ok(t, append(args, "--", "cat", "/proc/self/status")...))
	out := map[string]uint64{}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		var v uint64
		if n, err := fmt.Sscanf(st[set], "%x", &v); n != 1 {
			t.Fatalf("%s: %q: %v", set, st[set], err)
		}
		out[set] = v
	}
	if st["NoNewPrivs"] != "1" {
		t.Error("NoNewPrivs:", st["NoNewPrivs"])
	}
	return out
}

// The published code changed a copy of the sets, never those of the process.
func TestDefect02CapabilitiesNeverDropped(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	if len(dropped) != 21 {
		t.Fatal("the tutorial drops 21")
	}
	for _, uid := range []string{"0", "1", "1000"} {
		sets := capsInside(t, "-m", dir, "-u", uid)
		for name, n := range dropped {
			for _, set := range []string{"CapPrm", "CapEff", "CapBnd"} {
				if sets[set]>>n&1 == 1 {
					t.Errorf("-u %s: CAP_%s is in %s", uid, name, set)
				}
			}
		}
		if sets["CapBnd"]>>38 != 0 {
			t.Errorf("-u %s: newer capabilities are kept: %x", uid, sets["CapBnd"])
		}
		if sets["CapInh"] != 0 || sets["CapAmb"] != 0 {
			t.Errorf("-u %s: inheritable %x, ambient %x", uid, sets["CapInh"], sets["CapAmb"])
		}
		if uid == "0" && (sets["CapEff"] == 0 || sets["CapEff"] != sets["CapBnd"]) {
			t.Errorf("capabilities of the list are missing: %x", sets)
		}
		if uid != "0" && sets["CapEff"] != 0 {
			t.Errorf("-u %s has capabilities: %x", uid, sets["CapEff"])
		}
	}
}

// The published code passed all descriptors of the caller to the command.
func TestDefect03DescriptorsLeak(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "secret\n")
	f, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, init := range []string{"--init", "--no-init"} {
		r := job{args: []string{init, "-m", dir, "--", "sh", "-c", "cat <&3; ls /proc/self/fd"}, files: []*os.File{f}}.run(t)
		if strings.Contains(r.out, "secret") || r.out != "0\n1\n2\n3\n" { // 3 is ls's own
			t.Errorf("%s: %v", init, r)
		}
	}
	r := job{args: []string{"--pass-fd=3", "-m", dir, "--", "cat", "/proc/self/fd/3"}, files: []*os.File{f}}.run(t)
	if r.out == "secret\n" {
		t.Log("(the command can reach a passed descriptor through /proc)")
	}
	f.Seek(0, 0)
	if r := (job{args: []string{"--pass-fd=3", "-m", dir, "--", "sh", "-c", "cat <&3"}, files: []*os.File{f}}).run(t); r.out != "secret\n" {
		t.Errorf("with --pass-fd=3: %v", r)
	}
}

// The published code made directories wherever symlinks in the root directory led.
func TestDefect04AddFollowsSymlinks(t *testing.T) {
	dir := tree(t)
	outside, source := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(source, "mark"), "of the source")
	noLeaks(t, dir, outside, source)
	// A symlink is followed inside the container, to a place of the same name below the
	// root directory.
	for to, mark := range map[string]string{"/link": "", "/link/new": "new/", "/link/a/b": "a/b/"} {
		if got := ok(t, "-m", dir, "-a", source+":"+to, "--", "cat", outside+"/"+mark+"mark"); got != "of the source" {
			t.Errorf("%s: %q", to, got)
		}
	}
	for _, to := range []string{"/../.." + outside + "/new", "/bin/../../new"} {
		r := tincan(t, "-m", dir, "-a", source+":"+to, "--", "echo", "ran")
		refused(t, r, "-a "+source+":"+to)
	}
}

// The published code masked an argument with the value to compare it with. So it refused 24
// ordinary requests and allowed TIOCLINUX. It also allowed clone3 and fchmodat2.
func TestDefect05FilterCompares(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for name, want := range map[string]string{
		"TIOCSTI": "EPERM", "TIOCSTI|1<<32": "EPERM", "TIOCLINUX": "EPERM",
		"TIOCGWINSZ": "ENOTTY", "FIONREAD": "ENOTTY", "TIOCGPGRP": "ENOTTY", "TIOCOUTQ": "ENOTTY",
		"TCGETS": "ENOTTY", "FIONBIO": "EFAULT", "FIOASYNC": "EFAULT",
	} {
		expect(t, attempt(t, "-m", dir, "ioctls"), name, want)
	}
	expect(t, attempt(t, "-m", dir, "--seccomp=none", "ioctls"), "TIOCSTI", "ENOTTY")

	got := attempt(t, "-m", dir, "clones")
	expect(t, got, "unshare", "EPERM")
	expect(t, got, "clone", "EPERM")
	expect(t, got, "clone3", "ENOSYS")
	expect(t, got, "threads", "ok")
	expect(t, attempt(t, "-m", dir, "--seccomp=none", "clones"), "clone3", "EINVAL")

	got = attempt(t, "-m", dir, "setid", "/tmp")
	for _, name := range []string{"chmod", "fchmod", "fchmodat2"} {
		expect(t, got, name, "EPERM")
	}
	expect(t, got, "chmod 755", "ENOENT")
	got = attempt(t, "-m", dir, "--seccomp=none", "setid", "/tmp")
	expect(t, got, "chmod", "ENOENT")
	want := "ENOENT"
	if _, _, e := unix.Syscall6(unix.SYS_FCHMODAT2, 0, 0, 0, 0, 0, 0); e == unix.ENOSYS {
		want = "ENOSYS" // before Linux 6.6
	}
	expect(t, got, "fchmodat2", want)
}

// attempt runs the probe in a container, with flags before the probe's verb, and returns the
// results by name.
func attempt(t *testing.T, line ...string) map[string]string {
	t.Helper()
	verb := 0
	for verb < len(line) && (strings.HasPrefix(line[verb], "-") || verb > 0 && (line[verb-1] == "-m" || line[verb-1] == "-a" || line[verb-1] == "-u")) {
		verb++
	}
	args := append(append([]string{}, line[:verb]...), probe(line[verb:]...)...)
	return parseProbe(job{args: args}.run(t))
}

// parseProbe returns the lines of the probe, "name: result", as a map. The name "" has the whole
// output.
func parseProbe(r result) map[string]string {
	got := map[string]string{"": r.String()}
	for l := range strings.Lines(r.out) {
		if k, v, ok := strings.Cut(strings.TrimSpace(l), ": "); ok {
			got[k] = v
		}
	}
	return got
}

// expect checks one result of the probe.
func expect(t *testing.T, got map[string]string, name, want string) {
	t.Helper()
	if got[name] != want {
		t.Errorf("%s: %q, want %q\n%s", name, got[name], want, got[""])
	}
}

// In the published code, added paths were writable, could have set-user-ID programs and devices,
// and lacked the mounts below them.
func TestDefect06AddedPathsUnprotected(t *testing.T) {
	dir := tree(t)
	source := t.TempDir()
	mkdir(t, source+"/sub")
	noLeaks(t, dir)
	script := fmt.Sprintf(`mount -t tmpfs sub %[1]s/sub; echo below > %[1]s/sub/file; mknod -m 666 %[1]s/sub/zero c 1 5`, source)
	inside := `cat /src/sub/file; grep ' /src' /proc/self/mountinfo | cut -d' ' -f5,6; head -c1 /src/sub/zero; (echo x > /src/sub/new) 2>&1`
	for _, mode := range []string{":ro", ""} {
		r := job{before: inMountNS(t, script), args: []string{"-m", dir, "-a", source + ":/src" + mode, "--", "sh", "-c", inside}}.run(t)
		lines := strings.Split(r.out, "\n")
		if lines[0] != "below" {
			t.Errorf("%q: the mount below the source is missing: %v", mode, r)
		}
		n := 0
		for _, l := range lines {
			if !strings.HasPrefix(l, "/src") {
				continue
			}
			n++
			_, options, _ := strings.Cut(l, " ")
			has := "," + options + ","
			if !strings.Contains(has, ",nosuid,") || !strings.Contains(has, ",nodev,") || strings.Contains(has, ",ro,") != (mode == ":ro") {
				t.Errorf("%q: %s", mode, l)
			}
		}
		if n != 2 {
			t.Errorf("%q: %d mounts at /src, want 2: %v", mode, n, r)
		}
		if !strings.Contains(r.err, "/src/sub/zero: Permission denied") {
			t.Errorf("%q: the device can be opened: %v", mode, r)
		}
		if (mode == ":ro") != strings.Contains(r.out, "Read-only file system") {
			t.Errorf("%q: %v", mode, r)
		}
	}
}

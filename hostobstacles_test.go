// Hosts that forbid user namespaces: directories with the files in which they say so.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostWith replaces the host by a directory with these files, and others that forbid nothing.
func hostWith(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	was := hostRoot
	t.Cleanup(func() { hostRoot = was })
	hostRoot = dir
	all := map[string]string{
		"proc/self/ns/user": "", "proc/sys/user/max_user_namespaces": "15000\n", "proc/self/status": "Uid:\t1000\t1000\t1000\t1000\nSeccomp:\t0\n",
		"proc/self/mountinfo": "26 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n", "proc/self/uid_map": "         0          0 4294967295\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if text != "none" {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestForbiddenHosts checks the reasons that are given on such hosts.
func TestForbiddenHosts(t *testing.T) {
	const restrict = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
	for _, c := range []struct {
		name  string
		files map[string]string
		says  string // parts separated by |; "" for no reason
	}{
		{"ordinary", nil, ""},
		{"no user namespaces", map[string]string{"proc/self/ns/user": "none"}, "no user namespaces|CONFIG_USER_NS"},
		{"max 0", map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, "user.max_user_namespaces is 0|sysctl user.max_user_namespaces=10000"},
		{"max 1", map[string]string{"proc/sys/user/max_user_namespaces": "1\n"}, ""},
		{"Debian's switch", map[string]string{"proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "unprivileged_userns_clone is 0|sysctl kernel.unprivileged_userns_clone=1"},
		{"Debian's switch on", map[string]string{"proc/sys/kernel/unprivileged_userns_clone": "1\n"}, ""},
		{"Ubuntu", map[string]string{restrict: "1\n", "proc/self/attr/current": "unconfined\n"}, "AppArmor|/etc/apparmor.d/tincan|apparmor_parser -r|userns,|flags=(unconfined)"},
		{"Ubuntu without attr", map[string]string{restrict: "1\n"}, "AppArmor"},
		{"Ubuntu with the profile", map[string]string{restrict: "1\n", "proc/self/attr/current": "tincan (unconfined)\n"}, ""},
		{"Ubuntu, switched off", map[string]string{restrict: "0\n", "proc/self/attr/current": "unconfined\n"}, ""},
		{"Docker", map[string]string{"proc/self/status": "Uid:\t0\t0\t0\t0\nSeccomp:\t2\n"}, "tincan runs under a seccomp filter|seccomp=unconfined"},
		{"chroot", map[string]string{"proc/self/mountinfo": "22 26 0:21 / /proc rw - proc proc rw\n"}, "chroot|tincan -m"},
		{"chroot to a mount point", map[string]string{"proc/self/mountinfo": "27 26 0:22 /srv / rw - ext4 /dev/vda rw\n", "proc/1/root/etc/x": ""}, "chroot|tincan -m"},
		{"two at once", map[string]string{"proc/sys/user/max_user_namespaces": "0", restrict: "1"}, "max_user_namespaces|AppArmor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hostWith(t, c.files)
			got := forbidden()
			if c.says == "" && got != "" {
				t.Errorf("says %q", got)
			}
			for part := range strings.SplitSeq(c.says, "|") {
				if !strings.Contains(got, part) {
					t.Errorf("%q is not in %q", part, got)
				}
			}
		})
	}
}

// TestUserProfile checks that the suggested profile names this program, in AppArmor's syntax.
// (Debian's parser does not know userns yet, so the test replaces that line for it.)
func TestUserProfile(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hostWith(t, map[string]string{"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"})
	if want := "\nprofile tincan \"" + self + "\" flags=(unconfined) {\n  userns,\n}"; !strings.Contains(forbidden(), want) {
		t.Errorf("%q is not in %q", want, forbidden())
	}
	parser, err := exec.LookPath("apparmor_parser")
	if err != nil {
		parser, err = exec.LookPath("/usr/sbin/apparmor_parser")
	}
	const features = "/etc/apparmor.d/abi/3.0"
	if _, e := os.Stat(features); err != nil || e != nil {
		missing(t, "apparmor_parser or its %s is not installed: apt-get install apparmor", features)
	}
	for _, program := range []string{"/usr/local/bin/tincan", "/home/joe/my bin/tincan", `/opt/[a{b*?^"\/tincan`, "/opt/@{x}/tincan", "/opt/a,#b/tincan"} {
		_, rest, _ := strings.Cut(userProfile(program), "include <tunables/global>\n")
		rest = strings.Replace(strings.Replace(rest, "userns,", "capability,", 1), "unconfined", "complain", 1)
		file := filepath.Join(t.TempDir(), "profile")
		if err := os.WriteFile(file, []byte(rest), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(parser, "--skip-kernel-load", "--skip-cache", "--features-file", features, file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", program, err, out, rest)
		}
	}
}

// TestForbiddenInErrors checks that errors get the host's reasons as hints.
func TestForbiddenInErrors(t *testing.T) {
	hostWith(t, map[string]string{"proc/sys/user/max_user_namespaces": "0"})
	var r rootless
	for _, e := range []error{
		&callError{call: "clone3(...)", err: unix.ENOSPC, hint: "another"},
		fmt.Errorf("step: %w", unix.EPERM),
	} {
		got := r.explained(e)
		if !strings.Contains(got.Error(), "max_user_namespaces is 0") || strings.Contains(got.Error(), "another") || !errors.Is(got, errnoOf(e)) {
			t.Errorf("%v", got)
		}
	}
	// Errors with other causes stay as they are.
	for _, e := range []error{unix.EAGAIN, unix.EBUSY} {
		if got := r.explained(e); got != e {
			t.Errorf("%v became %v", e, got)
		}
	}
	hostWith(t, nil)
	if got := r.explained(unix.EPERM); !strings.Contains(got.Error(), "does not allow ordinary users") {
		t.Errorf("%v", got)
	}
	if got := r.explained(unix.ENOENT); got != unix.ENOENT {
		t.Errorf("%v", got)
	}
}

// TestForbiddenProc checks the hint about a covered /proc or /sys.
func TestForbiddenProc(t *testing.T) {
	docker := "1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /proc rw - proc proc rw\n3 2 0:3 /asound /proc/asound ro - proc proc rw\n4 2 0:4 / /proc/kcore rw - tmpfs t rw\n" +
		"5 2 0:5 / /proc/sys/fs/binfmt_misc rw - autofs a rw\n6 1 0:6 / /sys ro - sysfs s ro\n7 6 0:7 / /sys/fs/cgroup ro - cgroup2 c ro\n8 6 0:8 / /sys/firmware ro - tmpfs t ro\n9 1 0:9 / /process rw - tmpfs t rw\n"
	hostWith(t, map[string]string{"proc/self/mountinfo": docker})
	got := hintProc(unix.EPERM)
	for _, want := range []string{"(/proc/asound, /proc/kcore)", "systempaths=unconfined", "unmask=ALL"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if got := hintSys(unix.EPERM); !strings.Contains(got, "(/sys/firmware)") {
		t.Error(got)
	}
	if got := hintProc(unix.EBUSY); got != "" {
		t.Error(got)
	}
}

// tincan record with a command that tries to deceive it: a name cannot add a rule to the profile, a
// 32-bit program gets no socket that others do not get, and the recorder's memory is bounded.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecordInjectsNothing checks that a path with line breaks is left out, and that AppArmor's
// special characters in a path are escaped.
func TestRecordInjectsNothing(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "files.aa")
	r := tincan(t, "record", "--files", "--apparmor-out="+file, "-m", dir, "--", "sh", "-c", `cat "/proc/x r,
  /** rwmlkix,
  capability,
  change_profile -> unconfined,
  /proc/y" "/proc/sys/**" /etc/mine 2>/dev/null; true`)
	if r.status != 0 || !strings.Contains(r.err, file+" does not contain 1 file whose name has a control character") || !strings.Contains(r.err, `/proc/x r,\x0a  /** rwmlkix,\x0a`) {
		t.Errorf("%v", r)
	}
	profile := read(t, file)
	for _, want := range []string{`/proc/sys/\*\*{,/} r,`, "/etc/mine r,"} {
		if !strings.Contains(profile, "\n  "+want+"\n") {
			t.Errorf("the profile lacks %q", want)
		}
	}
	if strings.Contains(profile, "/** rw") || strings.Contains(profile, "  capability,") || strings.Contains(profile, "change_profile") || t.Failed() {
		t.Error(profile)
	}
	if text, err := exec.Command(needProgram(t, "apparmor_parser"), "-Q", "-K", "-o", file+".bin", file).CombinedOutput(); err != nil {
		t.Errorf("apparmor_parser: %v\n%s%s", err, text, profile)
	}
}

// sockets32 is a program whose status has a bit for each socket that it got.
const sockets32 = `void _start(void) {
	static int all[][3] = {{2, 1, 0}, {40, 1, 0}, {16, 3, 2}};
	int got = 0;
	for (int i = 0; i < 3; i++) {
		if (sys(359, all[i][0], all[i][1], all[i][2]) >= 0) got |= 1 << i;     // socket
		int r = sys(102, 1, (int)all[i], 0);                                   // socketcall
		if (r >= 0) got |= 8 << i;
		else if (i == 0 && r == -38) got |= 64;                                // ENOSYS
	}
	sys(1, got, 0, 0);
}
`

// TestRecordSocketcall checks that recorded 32-bit programs cannot get sockets by socketcall.
func TestRecordSocketcall(t *testing.T) {
	dir := tree(t)
	build32(t, dir, sockets32)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "p.json")
	const inet, byCall, absent = 1, 8, 64
	r := tincan(t, "record", "--seccomp=none", "-o", file, "-m", dir, "--", "32")
	if r.status&(inet|byCall) != inet|byCall {
		skip(t, "a kernel with 32-bit calls (CONFIG_IA32_EMULATION): %v", r)
	}
	filters := []string{"default", "setid"}
	if asUser != "" { // setid is an error, because the user's own id is inside
		filters = filters[:1]
	}
	for _, filter := range filters {
		if r := tincan(t, "record", "--seccomp="+filter, "-o", file, "-m", dir, "--", "32"); r.status != inet|absent {
			t.Errorf("%s: %v", filter, r)
		}
		if p := readProfile(t, file); p.allows("socketcall") {
			t.Errorf("%s: socketcall was refused, but the profile allows it", filter)
		}
	}
}

// TestRecordIsBounded lets a command use 20 MiB of file names.
func TestRecordIsBounded(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "files.aa")
	script := fmt.Sprintf(`cd /tmp; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do mkdir %[1]s; cd %[1]s; done; i=0; while [ $i -lt 6000 ]; do : >$i; i=$((i+1)); done; cat /etc/mine`, strings.Repeat("d", 250))
	r := tincan(t, "record", "-q", "--apparmor-out="+file, "-m", dir, "--", "sh", "-c", script)
	if r.status != 0 || r.out != "the user's own\n" || !strings.Contains(r.err, "there were too many files to record all (at most 65536, with 16 MiB of names): the list of files and the profile for AppArmor are incomplete") {
		t.Errorf("%v", r)
	}
	if profile := read(t, file); strings.Contains(profile, "/etc/mine") || !strings.Contains(profile, "  /tmp/** w,\n") || !strings.Contains(profile, "  /bin/busybox rmix,\n") {
		t.Error(profile)
	}
	os.Remove(file)
	if r = tincan(t, "record", "-q", "--apparmor-out="+file, "-m", dir, "--", "sh", "-c", "cat /etc/mine"); strings.Contains(r.err, "more files") || !strings.Contains(read(t, file), "/etc/mine r,") {
		t.Errorf("%v", r)
	}
}

// --apparmor=PROFILE, with the profile of ../apparmor.profile.
package guest

import (
	"strings"
	"testing"
)

// profile is the name of the profile.
const profile = "tincan-guest"

// loadProfile loads the compiled profile into the kernel: apparmor(7), securityfs.
func loadProfile(t *testing.T) {
	t.Helper()
	write(t, "/sys/kernel/security/apparmor/.replace", read(t, "/vm/apparmor.bin"))
	if loaded := read(t, "/sys/kernel/security/apparmor/profiles"); !strings.Contains(loaded, profile+" (enforce)") {
		t.Fatalf("the profile is not loaded: %s", loaded)
	}
}

// TestAppArmor checks that the command runs under the profile, and that the profile refuses two
// files.
func TestAppArmor(t *testing.T) {
	loadProfile(t)
	script := "cat /proc/self/attr/current; cat /etc/mine 2>&1; echo x 2>&1 >/tmp/forbidden; echo x >/tmp/other && echo wrote"
	for _, init := range []string{"--init", "--no-init"} {
		r := run(t, in(script, init, "--apparmor="+profile)...)
		if r.status != 0 || !strings.HasPrefix(r.out, profile+" (enforce)\n") || !strings.HasSuffix(r.out, "wrote\n") {
			t.Errorf("%s: %v", init, r)
		}
		if n := strings.Count(r.out+r.err, "Permission denied"); n != 2 {
			t.Errorf("%s: %d denials, want 2: %v", init, n, r)
		}
		// Without the profile nothing is refused, and the command is unconfined.
		r = run(t, in(script, init)...)
		if r.status != 0 || !strings.HasPrefix(r.out, "unconfined\nthe user's own\n") || strings.Contains(r.out+r.err, "denied") {
			t.Errorf("%s, without: %v", init, r)
		}
	}
}

// TestAppArmorRecorded uses a profile that tincan record has written (../lab_test.go). The recorded
// command must run under it, and other accesses must be refused.
func TestAppArmorRecorded(t *testing.T) {
	const name = "tincan-recorded"
	write(t, "/sys/kernel/security/apparmor/.replace", read(t, "/vm/recorded/bin"))
	script := read(t, "/vm/recorded/script")
	for _, init := range []string{"--init", "--no-init"} {
		plain := run(t, in(script, init)...)
		r := run(t, in(script, init, "--apparmor="+name)...)
		if r.status != 0 || r.out != strings.Replace(plain.out, "unconfined", name+" (enforce)", 1) || !strings.Contains(r.out, name) || r.err != "" {
			t.Errorf("%s: %v\nwithout the profile: %v", init, r, plain)
		}
		r = run(t, in("cat /etc/mine; cat /etc/passwd 2>&1; echo x 2>&1 >/tmp/d; cat /proc/mounts 2>&1 | head -1; exec 2>&1; echo x >/new", init, "--apparmor="+name)...)
		if n := strings.Count(r.out, "ermission denied"); n < 2 || !strings.HasPrefix(r.out, "the user's own\n") {
			t.Errorf("%s: %d denials: %v", init, n, r)
		}
	}
}

// TestAppArmorProfileMissing checks that nothing runs if the profile is not loaded.
func TestAppArmorProfileMissing(t *testing.T) {
	for _, init := range []string{"--init", "--no-init"} {
		refused(t, run(t, in("echo ran", init, "--apparmor=nonesuch")...), "nonesuch", "ENOENT")
	}
}

// TestAppArmorHow checks that the plan uses the system call from Linux 6.8 on, and a file of the
// host's /proc before.
func TestAppArmorHow(t *testing.T) {
	r := runLine(t, append([]string{tincanBin, "plan", "--apparmor=" + profile}, in("true")...)...)
	if r.status != 0 {
		t.Fatal(r)
	}
	call, file := strings.Contains(r.out, "lsm_set_self_attr("), strings.Contains(r.out, "attr/apparmor/exec")
	if call != since(t, 6, 8) || file == since(t, 6, 8) {
		t.Errorf("lsm_set_self_attr: %v, the file: %v\n%s", call, file, r.out)
	}
}

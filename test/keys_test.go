// The caller's keys: session-keyring(7), keyctl(2).
package test

import (
	"os/exec"
	"testing"
)

// The session keyring is inherited, whatever the namespaces and the user id: only the
// filter stands before it, and here there is none.
func TestCallersKeys(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	const secret = "the caller's secret"
	hold := []string{probeBin, "holdkey", secret}
	for _, flags := range [][]string{nil, {"--no-init"}, {"--cap-add=ALL"}, {"-u", "1"}} {
		if asUser == "single" && len(flags) == 2 {
			continue // a user with one id has no other
		}
		args := append(append([]string{"--seccomp=none", "-m", dir}, flags...), probe("keys", "NUMBER")...)
		got := parseProbe(job{before: hold, args: args}.run(t))
		expect(t, got, "search", "ENOKEY")
		expect(t, got, "request", "ENOKEY")
		expect(t, got, "read by number", "EACCES")
		expect(t, got, "link", "EACCES")
		expect(t, got, "revoke", "EACCES")
		expect(t, got, "add", "ok")
		expect(t, got, "read the own", `"own"`)
	}
	// Outside, where the session keyring is the same one, the program gets at the key.
	out, err := exec.Command(hold[0], append(hold[1:], probeBin, "keys", "NUMBER")...).Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	got := parseProbe(result{out: string(out)})
	for _, name := range []string{"read what was found", "read what was requested", "read by number"} {
		expect(t, got, name, `"`+secret+`"`)
	}
	expect(t, got, "revoke", "revoked")
}

// Where keyctl is refused from outside, nothing runs with the caller's keyring.
func TestCallersKeysNotLeft(t *testing.T) {
	notForRanges(t, "under a filter newuidmap's set-id bit does not work")
	r := job{before: []string{probeBin, "deny", "keyctl", "--"}, args: []string{"-m", tree(t), "--", "echo", "ran"}}.run(t)
	refused(t, r, "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) = EPERM", "a seccomp filter around tincan refuses this call")
}

// The caller's keys: session-keyring(7), keyctl(2).
package test

import (
	"os/exec"
	"testing"
)

// TestCallersKeys checks that the command cannot reach the caller's keys. A session keyring is
// inherited across namespaces and user ids. Usually the filter refuses keyctl; here there is no
// filter.
func TestCallersKeys(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	const secret = "the caller's secret"
	hold := []string{probeBin, "holdkey", secret}
	for _, flags := range [][]string{nil, {"--no-init"}, {"--cap-add=ALL"}, {"-u", "1"}} {
		if asUser == "single" && len(flags) == 2 {
			continue // a user with one id cannot have another
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
	// Outside, with the same session keyring, the program must reach the key.
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

// TestCallersKeysNotLeft checks that nothing runs with the caller's keyring if a filter outside
// refuses keyctl.
func TestCallersKeysNotLeft(t *testing.T) {
	notForRanges(t, "newuidmap, which is a set-user-ID program, does not work under a filter")
	r := job{before: []string{probeBin, "deny", "keyctl", "--"}, args: []string{"-m", tree(t), "--", "echo", "ran"}}.run(t)
	refused(t, r, "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) = EPERM", "a seccomp filter around tincan refuses this call")
}

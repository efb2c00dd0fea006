// Tests of those defects of the published code that need access to the program's internals. The
// others are in test/defects_test.go.
package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// In the published code, if the parent failed first, the child hung, or read the end of the socket
// as "go on". This test makes each step of the launcher after the clone fail in turn.
func TestDefect13ParentFailsFirst(t *testing.T) {
	dir := sabotageTree(t)
	args := []string{"-m", dir, "--", "/bin/sh", "-c", "echo ran"}
	for _, init := range []string{"--init", "--no-init"} {
		args := append([]string{init}, args...)
		_, out, _ := saboteur(t, 0, -1, append([]string{"plan", "--json"}, args...)...)
		var plan []planLine
		if err := json.Unmarshal([]byte(out), &plan); err != nil {
			t.Fatal(err)
		}
		cloned, tried := false, 0
		for i, s := range plan {
			switch {
			case s.Call == "execve":
				cloned = false
			case s.Call == "clone3":
				cloned = true
			case cloned && s.Actor == "host":
				tried++
				start := time.Now()
				status, out, text := saboteur(t, 0, i, args...)
				if status != statusFailed || out != "" || !strings.Contains(text, s.Call) || time.Since(start) > 5*time.Second {
					t.Errorf("%s failed: status %d, stdout %q, after %v\n%s", s.Text, status, out, time.Since(start), text)
				}
			}
		}
		if tried < 3 {
			t.Errorf("only %d of the launcher's steps come after the clone", tried)
		}
	}
}

// The published code read the version as a decimal number, in which 5.9 is newer than 5.14. (The
// other half of this defect was that it ran on x86_64 only; TestBinary builds for three
// architectures.)
func TestDefect16KernelVersion(t *testing.T) {
	for release, ok := range map[string]bool{
		"4.8.0": false, "4.10": false, "4.19.0-26-amd64": false, "5.1": false, "5.2.0": false, "5.9.16": false, "5.13.19": false,
		"5.14.0": true, "5.14": true, "5.15.0-rc1": true, "5.100.1": true, "6.1.0-21-amd64": true, "6.12.9+deb12-cloud-arm64": true, "10.0": true,
	} {
		err := supportedRelease(release)
		if (err == nil) != ok {
			t.Errorf("%s: %v", release, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "5.14 or newer") || !strings.Contains(err.Error(), release) || !strings.Contains(err.Error(), "mount_setattr")) && release != "5.13.19" {
			t.Errorf("%s: the error does not say what is missing: %v", release, err)
		}
	}
	if err := supportedRelease("nonesuch"); err == nil {
		t.Error("a release that is not a version number is accepted")
	}
}

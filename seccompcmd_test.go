// tincan seccomp show, compile and eval, and what the lint says about well-known filters.

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSeccompEval checks the verdicts of well-known profiles on some calls.
func TestSeccompEval(t *testing.T) {
	moby := profileFile("moby-default.json")
	for _, c := range []struct {
		profile, arch string
		caps          []string
		strict        bool
		call          string
		want          string
	}{
		{"default", "x86_64", nil, false, "read", "ALLOW"},
		{"default", "x86_64", nil, false, "ioctl 0 0x5412", "ERRNO(1)"},
		{"default", "x86_64", nil, false, "ioctl 0 0x100005412", "ERRNO(1)"},
		{"default", "x86_64", nil, false, "ioctl 0 0x5413", "ALLOW"},
		{"tutorial", "x86_64", nil, false, "ioctl 0 0x5413", "ERRNO(1)"}, // TIOCGWINSZ, by the published mask
		{"tutorial", "x86_64", nil, false, "clone3", "ALLOW"},
		{"default", "x86_64", nil, false, "clone3", "ERRNO(38)"},
		{"default", "x86_64", nil, false, "chmod 0 04755", "ERRNO(1)"},
		{"default", "x86_64", nil, false, "openat -100 0 0 04755", "ALLOW"},
		{"default", "x86_64", nil, false, "openat -100 0 0x40 04755", "ERRNO(1)"},
		{"default", "x86", nil, false, "read", "KILL_PROCESS"},
		{"default", "x32", nil, false, "read", "KILL_PROCESS"},
		{"default", "arm64", nil, false, "fchmodat 0 0 02755", "ERRNO(1)"},
		{"default", "riscv64", nil, false, "socket 40", "ERRNO(1)"},
		{"none", "x86_64", nil, false, "reboot", "ALLOW"},
		{moby, "x86_64", nil, false, "socket 40", "ERRNO(1)"},
		{moby, "x86_64", nil, false, "socket 0x100000028", "ALLOW"},
		{moby, "x86_64", nil, true, "socket 0x100000028", "ERRNO(1)"},
		{moby, "x86_64", nil, false, "chroot", "ERRNO(1)"},
		{moby, "x86_64", []string{"sys_chroot"}, false, "chroot", "ALLOW"},
		{moby, "x86_64", []string{"ALL"}, false, "bpf", "ALLOW"},
		{moby, "x86", nil, false, "socketcall 1", "ALLOW"},
		{moby, "x86_64", nil, false, "9999", "ERRNO(38)"},
	} {
		words := strings.Fields(c.call)
		cmd := seccompEval{Profile: c.profile, Syscall: words[0], Args: words[1:], profileFor: profileFor{c.caps, c.arch, c.strict}}
		var out bytes.Buffer
		if err := cmd.eval(&out); err != nil || out.String() != c.want+"\n" {
			t.Errorf("eval %s %s %s: %q (%v), want %s", c.profile, c.arch, c.call, out.String(), err, c.want)
		}
	}
	for _, c := range []struct{ profile, call, want string }{
		{"default", "nosuch", `"nosuch": x86_64 has no such call`},
		{"default", "read x", `argument 0: "x": not a number`},
		{"default", "read 1 2 3 4 5 6 7", `7 arguments: a call has at most 6`},
		{"nofile", "read", `open nofile: no such file or directory: give default, setid, tutorial, none or the file of a profile`},
	} {
		words := strings.Fields(c.call)
		cmd := seccompEval{Profile: c.profile, Syscall: words[0], Args: words[1:], profileFor: profileFor{Arch: "x86_64"}}
		if err := cmd.eval(&bytes.Buffer{}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("eval %s %s: %v, want %s", c.profile, c.call, err, c.want)
		}
	}
}

// TestSeccompShow checks that parts of what show must print are there.
func TestSeccompShow(t *testing.T) {
	for _, c := range []struct {
		profile string
		want    []string
	}{
		{"default", []string{"tutorial: keyrings belong", "clone3\n    ERRNO(38 ENOSYS)", "return KILL_PROCESS", "nothing that tincan checks for", "calls never run the filter"}},
		{"tutorial", []string{"a1 & 0x5412 == 0x5412", "clone is refused, at least in part, but clone3 is ALLOW", "but fchmodat2 is ALLOW", "ioctl TIOCLINUX is ALLOW"}},
		{"none", []string{"no filter"}},
		{profileFile("moby-default.json"), []string{"socket with a0 0x26 is ERRNO(1), with 0x100000026 ALLOW", "socketcall is ALLOW", "x32 is listed", "# Left out.", "x86_64 has no _llseek"}},
		{profileFile("podman-seccomp.json"), []string{"# Doubtful rules of the profile.", "setns: ALLOW (syscalls["}},
	} {
		var out bytes.Buffer
		cmd := seccompShow{Profile: c.profile, profileFor: profileFor{Arch: "x86_64"}}
		if err := cmd.show(&out); err != nil {
			t.Error(err)
		}
		text := strings.ReplaceAll(out.String(), "\n  ", " ")
		for _, w := range c.want {
			if !strings.Contains(text, strings.ReplaceAll(w, "\n  ", " ")) {
				t.Errorf("show %s lacks %q", c.profile, w)
			}
		}
	}
	// Every architecture can be shown, on any machine.
	for i := range abis {
		var out bytes.Buffer
		cmd := seccompShow{Profile: "default", profileFor: profileFor{Arch: abis[i].name}}
		if err := cmd.show(&out); err != nil {
			t.Error(err)
		}
	}
}

// TestSeccompCompile checks that the compiled file is the policy's filter.
func TestSeccompCompile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	cmd := seccompCompile{Profile: "default", Output: file, profileFor: profileFor{Arch: "x86_64"}}
	var out, errs bytes.Buffer
	if err := cmd.compile(&out, &errs); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil || len(raw)%8 != 0 {
		t.Fatalf("%v, %d bytes", err, len(raw))
	}
	cmd.Output = "-"
	if err := cmd.compile(&out, &errs); err != nil || !bytes.Equal(out.Bytes(), raw) {
		t.Errorf("%v, %d bytes on standard output, %d in the file", err, out.Len(), len(raw))
	}
	prog := make([]unix.SockFilter, len(raw)/8)
	copy(rawFilter(prog), raw)
	p, _, err := seccompPolicyFor(&abis[0], "default", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := firstDifference(p, prog, 10000, 1); err != nil {
		t.Error(err)
	}
	cmd.Profile = "none"
	if err := cmd.compile(&out, &errs); err == nil {
		t.Error("compile none: no error")
	}
}

// TestLint checks the warnings about doubtful filters.
func TestLint(t *testing.T) {
	for _, c := range []struct{ about, profile, want string }{
		{"write refused", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_ERRNO"}]}`, "x86_64: write is ERRNO(1): no program could run"},
		{"clone3 with EPERM", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO"}]}`, "x86_64: clone3 is ERRNO(1): only with ENOSYS"},
		{"mount, but not its parts", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}`, "x86_64: mount is refused, at least in part, but move_mount is ALLOW"},
		{"socket by socketcall", profileWith(`{"names": ["socket", "write"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}]}`), "x86: socketcall is ALLOW if low(a0) == 0x1, whatever condition the rule"},
	} {
		p, _ := readText(t, c.profile, readerFor(&abis[0]))
		if lines := p.lint(); !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, c.want) }) {
			t.Errorf("%s: %q lacks %q", c.about, lines, c.want)
		}
	}
}

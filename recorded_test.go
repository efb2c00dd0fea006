// tincan record, without a container: how calls become a profile.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// notified returns the kernel's notification of a call on this machine.
func notified(t *testing.T, a *abi, name string, args ...uint64) *seccompNotif {
	t.Helper()
	nr, known := a.number(name)
	if !known {
		t.Fatalf("%s has no %s", a.name, name)
	}
	n := &seccompNotif{pid: uint32(os.Getpid()), nr: int32(nr), arch: a.audit, ip: 7}
	copy(n.args[:], args)
	return n
}

// recorderOf returns a recorder that has seen some calls. A line is a name, or ABI:NAME, and arguments.
func recorderOf(t *testing.T, argRules bool, lines ...string) *recorder {
	t.Helper()
	r := newRecorder()
	r.args, r.begun = argRules, true
	for _, line := range lines {
		words := strings.Fields(line)
		a := r.abis[0]
		if name, other, is := strings.Cut(words[0], ":"); is {
			a, _ = abiNamed(name)
			words[0] = other
		}
		var args []uint64
		for _, w := range words[1:] {
			var n uint64
			fmt.Sscan(w, &n)
			args = append(args, n)
		}
		r.note(-1, notified(t, a, words[0], args...))
	}
	return r
}

// profileOf returns a recorded profile as JSON.
func profileOf(t *testing.T, p *recorded) string {
	t.Helper()
	b, err := p.json()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// usualPolicy returns the policy of a recording without --seccomp.
func usualPolicy(t *testing.T) *policy {
	t.Helper()
	p, err := recordedDefault("default")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inFile writes a text to a file, and returns the file's name.
func inFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestRecordedProfile checks the profile of some calls.
func TestRecordedProfile(t *testing.T) {
	r := recorderOf(t, true, "socket 1", "openat", "socket 2", "socket 0xffffffff00000001", "clone 0x11", "fchmod 3 0644", "getpid", "prctl 15")
	got := strings.Join(strings.Fields(profileOf(t, r.profile(true, nil))), "")
	rule := func(name string, index, value, two uint64) string {
		return fmt.Sprintf(`,{"names":["%s"],"action":"SCMP_ACT_ALLOW","args":[{"index":%d,"value":%d,"valueTwo":%d,"op":"SCMP_CMP_MASKED_EQ"}]}`, name, index, value, two)
	}
	const all = 0xffffffff
	want := `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["` + r.abis[0].scmp + `"],"syscalls":[{"names":["getpid","openat"],"action":"SCMP_ACT_ALLOW"}` +
		rule("clone", 0, newNamespaces, 0) + rule("fchmod", 1, setID, 0) + rule("prctl", 0, all, 15) + rule("socket", 0, all, 1) + rule("socket", 0, all, 2) + `]}`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// If nothing was seen, the list of entries is empty. The OCI's schema refuses an entry
	// without names.
	if got := strings.Join(strings.Fields(profileOf(t, recorderOf(t, false).profile(true, nil))), ""); !strings.HasSuffix(got, `"syscalls":[]}`) {
		t.Error(got)
	}
	// Calls for which the recording's own filter returns ENOSYS get ENOSYS in the profile,
	// unless they were seen.
	got = profileOf(t, recorderOf(t, false, "getpid").profile(true, usualPolicy(t)))
	if !strings.Contains(got, `"errnoRet": 38`) || !strings.Contains(got, `"clone3"`) || strings.Contains(got, "keyctl") {
		t.Error(got)
	}
	if got = profileOf(t, recorderOf(t, false, "clone3", "openat2").profile(true, usualPolicy(t))); strings.Index(got, `"clone3"`) > strings.Index(got, "SCMP_ACT_ALLOW") || strings.Count(got, "clone3") != 1 {
		t.Error(got)
	}
}

// TestRecordedArguments checks when a call is allowed with any arguments: when too many values were
// seen, or when a bit was set that the profile would have refused.
func TestRecordedArguments(t *testing.T) {
	var lines []string
	for i := range mostValues {
		lines = append(lines, fmt.Sprintf("ioctl 0 %d", i))
	}
	p := recorderOf(t, true, append(lines, "unshare 0x7e020000", "ioctl 0 3")...).profile(true, nil)
	for _, c := range p.calls {
		if c.name == "ioctl" && (!c.rule.limits() || len(c.rule.conditions()) != mostValues) || c.name == "unshare" && c.rule.limits() {
			t.Errorf("%s: %+v", c.name, c.rule)
		}
	}
	p = recorderOf(t, true, append(lines, "ioctl 0 99")...).profile(true, nil)
	if p.calls[0].rule.limits() {
		t.Errorf("%d values: %+v", mostValues+1, p.calls[0].rule)
	}
}

// TestRecordedMerge checks that a merged profile allows what both allow, and that merging the same
// profile again changes nothing.
func TestRecordedMerge(t *testing.T) {
	one := recorderOf(t, true, "socket 1", "ioctl 0 5", "clone 0x20000000", "getpid").profile(false, usualPolicy(t))
	two := recorderOf(t, true, "socket 2", "clone 0x40000000", "clone3", "getppid").profile(false, nil)
	first := profileOf(t, one)
	read, err := readRecorded(inFile(t, first))
	if err != nil {
		t.Fatal(err)
	}
	if again := profileOf(t, read); again != first {
		t.Errorf("read and written again:\n%s\n%s", again, first)
	}
	two.merge(read)
	sum := profileOf(t, two)
	both, err := readRecorded(inFile(t, sum))
	if err != nil {
		t.Fatal(err)
	}
	both.merge(read)
	if again := profileOf(t, both); again != sum {
		t.Errorf("merged twice:\n%s\n%s", again, sum)
	}
	native, _ := abiNamed("")
	policy, _, err := seccompPolicyFor(native, inFile(t, sum), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string]verdict{
		"socket 1": allow, "socket 2": allow, "socket 3": denied, "ioctl 0 5": allow, "ioctl 0 6": denied, "getpid": allow, "getppid": allow, "ptrace": denied,
		"clone 0x20000000": allow, "clone 0x60000000": allow, "clone 0x10000000": denied, "clone3": allow, "openat2": unknownCall,
	} {
		words := strings.Fields(call)
		c, err := parseCall(native, words[0], words[1:])
		if got, _ := policy.eval(c); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", call, got, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"defaultAction":"SCMP_ACT_ALLOW"}`:                                                                                                                                           "defaultAction: ALLOW: tincan record did not write this",
		`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_PPC"]}`:                                                                                                         "architectures[0]: SCMP_ARCH_PPC: this profile was recorded on another kind of processor",
		`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{}}]}`:                                                                   "syscalls[0].includes: unknown field",
		`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL"}]}`:                                                                                  "syscalls[0].action",
		`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]}`:                               "syscalls[0].args: this comparison",
		`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}`:           "syscalls[0].args: this comparison",
		`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["clone"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":4294967295,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}`: "syscalls[0].args: this comparison",
		`[]`: "must be an object", `{`: "line 1",
	} {
		if _, err := readRecorded(inFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

// TestRecordedByLibseccomp checks that a recorded profile means the same to libseccomp.
func TestRecordedByLibseccomp(t *testing.T) {
	bin := oracle(t)
	native, _ := abiNamed("")
	if native.name != "x86_64" {
		missing(t, "this machine is not x86_64")
	}
	r := recorderOf(t, true, "socket 1", "socket 16", "clone 0x11", "ioctl 0 0x5401", "ioctl 0 0xffffffff80045430", "fchmod 3 0644", "x86:open", "x86:socketcall 1", "x86:mmap2")
	for name, p := range map[string]*recorded{"args": r.profile(false, usualPolicy(t)), "minimal": r.profile(true, nil), "64 bits": recorderOf(t, false, "getpid").profile(false, usualPolicy(t))} {
		t.Run(name, func(t *testing.T) {
			c := oracleCase{file: inFile(t, profileOf(t, p)), native: "x86_64", archs: []string{"x86_64"}}
			if p.arches[1] {
				c.archs = append(c.archs, "x86")
			}
			policy, ours, theirs := c.prepare(t, bin, 2)
			d := newDrawer(policy, rand.Uint64())
			var call sysCall
			for range callsToTry(300_000) {
				d.next(&call)
				a, _, err := runFilter(ours, &call)
				b, _, err2 := runFilter(theirs, &call)
				if err != nil || err2 != nil || a != b {
					t.Fatalf("%+v: tincan %v, libseccomp %v (%v, %v)", call, a, b, err, err2)
				}
			}
		})
	}
}

// TestRecorderFilter checks the recorder's filter: which calls it reports, which it lets pass, and
// that its random bits work.
func TestRecorderFilter(t *testing.T) {
	native, _ := abiNamed("")
	for _, executable := range []bool{false, true} {
		r, err := newRecording(func(_ *abi, _ uint32, when toldWhen) bool { return when == alwaysTold }, executable)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(name string, args ...uint64) verdict {
			c, err := parseCall(native, name, nil)
			copy(c.args[:], args)
			v, _, err2 := runFilter(r.program, &c)
			if err != nil || err2 != nil {
				t.Fatal(name, err, err2)
			}
			return v
		}
		const tell = verdict(unix.SECCOMP_RET_USER_NOTIF)
		a, b := uint64(r.pass[0]), uint64(r.pass[1])
		for _, c := range []struct {
			want verdict
			name string
			args []uint64
		}{
			{allow, "read", nil}, {allow, "futex", nil}, {allow, "openat", nil}, {tell, "symlinkat", nil}, {tell, "execve", nil}, {tell, "sendmsg", nil}, {tell, "9999", nil},
			{allow, "sendmsg", []uint64{3, 4, 0, 0, a, b}}, {allow, "dup3", []uint64{3, 4, 0, 0, a, b}}, {allow, "9999", []uint64{0, 0, 0, 0, a, b}},
			{tell, "sendmsg", []uint64{3, 4, 0, 0, a, b ^ 1}}, {tell, "sendmsg", []uint64{3, 4, 0, 0, a ^ 1<<63, b}}, {tell, "sendmsg", []uint64{3, 4, 0, 0, b, a}},
			{tell, "sendmsg", []uint64{3, 4, 0, 0, a ^ 1, b}}, {tell, "sendmsg", []uint64{3, 4, 0, 0, a, b ^ 1<<32}}, {allow, "mmap", []uint64{0, 1, unix.PROT_READ}},
			{map[bool]verdict{false: allow, true: tell}[executable], "mmap", []uint64{0, 1, unix.PROT_EXEC}},
		} {
			if got := ask(c.name, c.args...); got != c.want {
				t.Errorf("executable %v: %s %#x: %v, want %v", executable, c.name, c.args, got, c.want)
			}
		}
	}
	one, _ := newRecording(func(*abi, uint32, toldWhen) bool { return true }, false)
	two, _ := newRecording(func(*abi, uint32, toldWhen) bool { return true }, false)
	if one.pass == two.pass || slices.Equal(one.program, two.program) {
		t.Error("two recordings have the same random bits")
	}
	if v, _, _ := runFilter(one.program, &sysCall{nr: unix.SYS_READ, arch: nativeAudit()}); v != unix.SECCOMP_RET_USER_NOTIF {
		t.Errorf("read, which the recording asks for, is %v", v)
	}
}

// TestRecordBegins checks that calls of tincan itself are not recorded. They come first, and all
// from one instruction.
func TestRecordBegins(t *testing.T) {
	r := newRecorder()
	for _, ip := range []uint64{4, 4, 4, 9, 4} {
		n := notified(t, r.abis[0], "execve")
		n.ip = ip
		r.note(-1, n)
	}
	if all := r.all(); len(all) != 1 || all[0].count != 2 {
		t.Errorf("%+v", all)
	}
}

// TestRecordTables checks that every name in the tables is a call of some architecture.
func TestRecordTables(t *testing.T) {
	var names []string
	for _, row := range assumed() {
		names = append(names, strings.Fields(row.calls)...)
	}
	for _, w := range watched {
		names = append(names, strings.Fields(w.calls)...)
	}
	for _, c := range pathCalls {
		names = append(names, strings.Fields(c.calls)...)
	}
	for _, name := range names {
		there := false
		for i := range abis {
			_, known := abis[i].number(name)
			there = there || known
		}
		if !there {
			t.Errorf("no architecture has %s", name)
		}
	}
}

// Profiles: what they mean, case by case, and the errors, which name the place in the file.

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// readerFor returns the settings for reading a profile: Linux 6.1, and the capabilities that are held.
func readerFor(native *abi, held ...string) reading {
	return reading{native: native, held: held, kernel: [2]int{6, 1}}
}

// profileWith returns a profile that refuses everything that the entries do not allow.
func profileWith(text string) string {
	return `{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [` + text + `]}`
}

// readText reads a profile, and returns its policy and the warnings.
func readText(t testing.TB, text string, r reading) (*policy, []string) {
	t.Helper()
	p, warnings, err := readProfile("test.json", []byte(text), r)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p, warnings
}

// verdictOn returns the verdict on a call, and checks that the policy and the filter agree on it.
func verdictOn(t testing.TB, p *policy, a *abi, name string, args ...uint64) verdict {
	t.Helper()
	nr, ok := a.number(name)
	if !ok {
		t.Fatalf("%s has no %s", a.name, name)
	}
	return verdictOnNumber(t, p, a, nr, args...)
}

// verdictOnNumber is verdictOn for a call without a name.
func verdictOnNumber(t testing.TB, p *policy, a *abi, nr uint32, args ...uint64) verdict {
	t.Helper()
	call := sysCall{nr: nr, arch: a.audit}
	copy(call.args[:], args)
	want, _ := p.eval(call)
	prog, err := p.compile()
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := runFilter(prog, &call)
	if err != nil || got != want {
		t.Fatalf("%+v: the filter says %v (%v), the policy %v", call, got, err, want)
	}
	return got
}

// TestProfileSemantics checks the verdict on a call under many small profiles.
func TestProfileSemantics(t *testing.T) {
	amd64, x86, x32 := &abis[0], &abis[1], &abis[2]
	const high = 1 << 32
	for _, c := range []struct {
		about   string
		profile string
		held    []string
		abi     *abi
		call    string
		args    []uint64
		want    verdict
	}{
		{"one entry for a name, one with names", profileWith(`{"name": "read", "action": "SCMP_ACT_ALLOW"}`), nil, amd64, "read", nil, allow},
		{"a call newer than those named gets ENOSYS", profileWith(`{"names": ["read"], "action": "SCMP_ACT_ALLOW"}`), nil, amd64, "pread64", nil, refuse(unix.ENOSYS)},
		{"an older call gets the default", profileWith(`{"names": ["write"], "action": "SCMP_ACT_ALLOW"}`), nil, amd64, "read", nil, refuse(1)},
		{"entries for one name are alternatives", profileWith(`{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
			{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}`), nil, amd64, "personality", []uint64{8}, allow},
		{"args in one entry must all hold", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}]}`),
			nil, amd64, "socket", []uint64{1, 1}, refuse(1)},
		{"one index twice: each comparison is a rule of its own", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 5, "op": "SCMP_CMP_EQ"}]}`),
			nil, amd64, "socket", []uint64{9, 5}, allow},
		{"no conditions beat conditions", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}, {"names": ["socket"], "action": "SCMP_ACT_ALLOW"}`),
			nil, amd64, "socket", []uint64{1}, allow},
		{"rules like the default are dropped, also when listed first", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}, {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 9, "op": "SCMP_CMP_LT"}]}`),
			nil, amd64, "socket", []uint64{1}, allow},
		{"if two rules match, the first one counts", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}, {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 9, "op": "SCMP_CMP_LT"}]}`),
			nil, amd64, "socket", []uint64{1}, refuse(22)},
		{"MASKED_EQ masks both sides", profileWith(`{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 240, "valueTwo": 1535, "op": "SCMP_CMP_MASKED_EQ"}]}`), nil, amd64, "clone", []uint64{0xff3}, allow},
		{"comparisons are of 64 bits", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]}`), nil, amd64, "socket", []uint64{high | 40}, allow},
		{"comparisons are unsigned", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]}`), nil, amd64, "socket", []uint64{1<<64 - 1}, allow},
		{"on x32, comparisons are of 32 bits", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]}`), nil, x32, "socket", []uint64{high | 40}, refuse(1)},
		{"on x86, comparisons are of 32 bits on both sides", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967297, "op": "SCMP_CMP_EQ"}]}`), nil, x86, "socket", []uint64{1}, allow},
		{"x86: socket is also socketcall(1)", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW"}`), nil, x86, "socketcall", []uint64{1}, allow},
		{"x86: and no other socketcall", profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW"}`), nil, x86, "socketcall", []uint64{2}, refuse(1)},
		{"x86: shmctl is also ipc(24)", profileWith(`{"names": ["shmctl"], "action": "SCMP_ACT_ALLOW"}`), nil, x86, "ipc", []uint64{24}, allow},
		{"x86: accept has no number of its own", profileWith(`{"names": ["accept", "close_range"], "action": "SCMP_ACT_ALLOW"}`), nil, x86, "socketcall", []uint64{5}, allow},
		{"includes: without the capability", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}`), []string{"CAP_BPF"}, amd64, "bpf", nil, refuse(1)},
		{"includes: with all of them", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}`), []string{"CAP_SYS_ADMIN", "CAP_BPF"}, amd64, "bpf", nil, allow},
		{"excludes: with one of them", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}`), []string{"CAP_BPF"}, amd64, "bpf", nil, refuse(1)},
		{"excludes: with none", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_BPF"]}}`), nil, amd64, "bpf", nil, allow},
		{"includes: another machine", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}}`), nil, amd64, "bpf", nil, refuse(1)},
		{"includes: this machine", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64", "amd64"]}}`), nil, amd64, "bpf", nil, allow},
		{"includes: a newer kernel", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}}`), nil, amd64, "bpf", nil, refuse(1)},
		{"includes: this kernel", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "5.19"}}`), nil, amd64, "bpf", nil, allow},
		{"podman's errno", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errno": "EINVAL", "errnoRet": 22}`), nil, amd64, "bpf", nil, refuse(22)},
		{"podman's defaultErrno", `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS"}`, nil, amd64, "bpf", nil, refuse(38)},
		{"TRACE carries a number", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_TRACE", "errnoRet": 7}`), nil, amd64, "bpf", nil, unix.SECCOMP_RET_TRACE | 7},
		{"KILL ends the thread", profileWith(`{"names": ["bpf"], "action": "SCMP_ACT_KILL"}`), nil, amd64, "bpf", nil, unix.SECCOMP_RET_KILL_THREAD},
		{"archMap", `{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]}`, nil, x86, "getpid", nil, allow},
		{"archMap leaves x32 out", `{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]}`, nil, x32, "getpid", nil, killProcess},
		{"an ABI not listed is killed", `{"defaultAction": "SCMP_ACT_ALLOW"}`, nil, x86, "getpid", nil, killProcess},
		{"the native ABI is always listed", `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"]}`, nil, amd64, "getpid", nil, allow},
	} {
		p, _ := readText(t, c.profile, readerFor(amd64, c.held...))
		if got := verdictOn(t, p, c.abi, c.call, c.args...); got != c.want {
			t.Errorf("%s: %s%v is %v, want %v", c.about, c.call, c.args, got, c.want)
		}
	}
}

// TestStrictInts checks --seccomp-strict-ints: 32 bits of arguments of type int are compared.
func TestStrictInts(t *testing.T) {
	text := profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]},
		{"names": ["kill"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]},
		{"names": ["write"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 2, "value": 40, "op": "SCMP_CMP_GT"}]}`)
	r := readerFor(&abis[0])
	r.strictInts = true
	p, _ := readText(t, text, r)
	for _, c := range []struct {
		call string
		args []uint64
		want verdict
	}{
		{"socket", []uint64{41}, allow}, {"socket", []uint64{40}, refuse(1)}, {"socket", []uint64{1<<32 | 40}, refuse(1)},
		{"kill", []uint64{0xffffffff}, allow}, {"kill", []uint64{1<<64 - 1}, allow}, {"kill", []uint64{1}, refuse(1)},
		{"write", []uint64{0, 0, 1<<32 | 1}, allow}, // a size_t is compared as a whole
	} {
		if got := verdictOn(t, p, &abis[0], c.call, c.args...); got != c.want {
			t.Errorf("%s%v: %v, want %v", c.call, c.args, got, c.want)
		}
	}
}

// TestNewerCalls checks runc's rule for calls that are newer than every call in the profile.
func TestNewerCalls(t *testing.T) {
	p, _ := readText(t, profileWith(`{"names": ["close_range"], "action": "SCMP_ACT_ALLOW"}, {"names": ["openat2"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}`), readerFor(&abis[0]))
	for i := range abis[:3] {
		a := &abis[i]
		last, _ := a.number("openat2") // counts as named, although its entry does not apply
		for nr := a.bit; nr < a.bit+1000; nr++ {
			want := refuse(1)
			if name := a.call(nr); name == "close_range" {
				want = allow
			} else if nr > last {
				want = refuse(unix.ENOSYS)
			}
			if got := verdictOnNumber(t, p, a, nr); got != want {
				t.Fatalf("%s %s (%d): %v, want %v", a.name, a.call(nr), nr, got, want)
			}
		}
	}
	if got := verdictOnNumber(t, p, &abis[0], noCall); got != refuse(1) {
		t.Errorf("the number -1: %v", got)
	}
	for _, action := range []string{"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"} {
		p, _ := readText(t, `{"defaultAction": "`+action+`", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL"}]}`, readerFor(&abis[0]))
		if got := verdictOnNumber(t, p, &abis[0], 9999); !got.permits() {
			t.Errorf("%s: %v for a newer call", action, got)
		}
	}
	arm, _ := readText(t, `{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_ARM"], "syscalls": [{"names": ["set_tls", "close_range"], "action": "SCMP_ACT_ALLOW"}]}`, readerFor(&abis[3]))
	for nr, want := range map[uint32]verdict{436: allow, 437: refuse(unix.ENOSYS), 0xf0004: refuse(1), 0xf0005: allow, 0xf0006: refuse(1)} {
		if got := verdictOnNumber(t, arm, &abis[4], nr); got != want {
			t.Errorf("arm %#x: %v, want %v", nr, got, want)
		}
	}
}

// TestProfileErrors checks the errors for wrong profiles.
func TestProfileErrors(t *testing.T) {
	entry := func(text string) string {
		return `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, ` + text + `]}`
	}
	cond := func(text string) string {
		return entry(`{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [` + text + `]}`)
	}
	for _, c := range []struct{ profile, want string }{
		{`{`, `line 1: not valid JSON, the format of the profiles of Docker and the OCI: unexpected end of JSON input`},
		{"{\n\n\"a\": nope}", `line 3: not valid JSON, the format of the profiles of Docker and the OCI: invalid character 'o'`},
		{`[]`, `a list: must be an object`},
		{`{}`, `defaultAction is missing`},
		{`{"defaultAction": "ALLOW"}`, `defaultAction: "ALLOW": not one of SCMP_ACT_ALLOW, SCMP_ACT_ERRNO`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "default": 1}`, `default: unknown field; the fields are defaultAction`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_KILL"}`, `defaultAction: given twice`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}`, `defaultErrnoRet: SCMP_ACT_ALLOW does not take an errno`},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}`, `defaultErrnoRet: 4096: must be a whole number from 0 to 4095`},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "defaultErrno": "ENOSYS"}`, `defaultErrno: ENOSYS is 38, but defaultErrnoRet is 1`},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EWHAT"}`, `defaultErrno: "EWHAT" is not the name of an errno`},
		{`{"defaultAction": "SCMP_ACT_NOTIFY"}`, `defaultAction: SCMP_ACT_NOTIFY is not supported`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x"}`, `listenerPath: not supported`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"]}`, `flags[0]: "SECCOMP_FILTER_FLAG_X": not one of`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AMD64"]}`, `architectures[1]: "SCMP_ARCH_AMD64" is neither one of`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": [], "archMap": []}`, `archMap: given together with architectures`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"subArchitectures": []}]}`, `archMap[0]: architecture is missing`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}`, `syscalls: an object: must be a list`},
		{entry(`null`), `syscalls[1]: null, but must be an object`},
		{entry(`{"names": ["read"]}`), `syscalls[1]: action is missing`},
		{entry(`{"action": "SCMP_ACT_ALLOW"}`), `syscalls[1]: names is missing`},
		{entry(`{"name": "read", "names": ["read"], "action": "SCMP_ACT_ALLOW"}`), "syscalls[1].name: `name` and `names` are both given"},
		{entry(`{"names": ["read", 3], "action": "SCMP_ACT_ALLOW"}`), `syscalls[1].names[1]: 3: must be a string`},
		{entry(`{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}`), `syscalls[1].action: SCMP_ACT_NOTIFY is not supported`},
		{entry(`{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}`), `syscalls[1].errnoRet: SCMP_ACT_ALLOW does not take an errno`},
		{entry(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": -1}`), `syscalls[1].errnoRet: -1: must be a whole number`},
		{entry(`{"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["SYS_ADMIN"]}}`), `syscalls[1].includes: caps[0]: "SYS_ADMIN" is not the name of a capability`},
		{entry(`{"names": ["read"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "six"}}`), `syscalls[1].excludes.minKernel: "six" is not a version`},
		{entry(`{"names": ["read"], "action": "SCMP_ACT_ALLOW", "excludes": {"kernel": "6"}}`), `syscalls[1].excludes.kernel: unknown field`},
		{cond(`{"index": 0, "value": 1, "op": "SCMP_CMP_EQUAL"}`), `syscalls[1].args[0].op: "SCMP_CMP_EQUAL": not one of SCMP_CMP_NE, SCMP_CMP_LT`},
		{cond(`{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}`), `syscalls[1].args[0].index: 6: must be a whole number from 0 to 5`},
		{cond(`{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}`), `syscalls[1].args[0].value: 1.5: must be a whole number`},
		{cond(`{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}`), `syscalls[1].args[0].value: 18446744073709551616: must be a whole number`},
		{cond(`{"index": 0, "op": "SCMP_CMP_EQ"}`), `syscalls[1].args[0]: value is missing`},
	} {
		_, _, err := readProfile("test.json", []byte(c.profile), readerFor(&abis[0]))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s...", c.profile, err, c.want)
		}
	}
}

// TestProfileWarnings checks the warning about two rules that can both match.
func TestProfileWarnings(t *testing.T) {
	_, warnings := readText(t, profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}, {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 9, "op": "SCMP_CMP_LT"}]}`), readerFor(&abis[0]))
	if len(warnings) != 1 || !strings.Contains(warnings[0], "socket: ERRNO(22 EINVAL) if a0 == 0x1 (syscalls[0]) and ALLOW if a0 < 0x9 (syscalls[1]) can both hold: the first one wins") {
		t.Errorf("%q", warnings)
	}
	_, warnings = readText(t, profileWith(`{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "args": [{"index": 0, "value": 9, "op": "SCMP_CMP_GE"}]}, {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 9, "op": "SCMP_CMP_LT"}]}`), readerFor(&abis[0]))
	if len(warnings) != 0 {
		t.Errorf("%q", warnings)
	}
}

// TestSysnum checks that each name in the tables has one number in its ABI, and compares some
// numbers with those of x/sys.
func TestSysnum(t *testing.T) {
	for i := range abis {
		a := &abis[i]
		a.load()
		if len(a.names) < 300 || len(a.names) != len(a.byName) {
			t.Errorf("%s: %d names, %d by name", a.name, len(a.names), len(a.byName))
		}
		for _, s := range a.names {
			if nr, ok := a.number(s.name); !ok || nr != s.nr || a.call(nr) != s.name {
				t.Errorf("%s: %s is %d, %s", a.name, s.name, s.nr, a.call(nr))
			}
		}
	}
	for nr, want := range map[string]uint32{"read": unix.SYS_READ, "openat": unix.SYS_OPENAT, "clone3": unix.SYS_CLONE3, "mseal": unix.SYS_MSEAL} {
		if a, err := abiNamed(""); err != nil {
			t.Error(err)
		} else if got, _ := a.number(nr); got != want {
			t.Errorf("%s: %d, x/sys says %d", nr, got, want)
		}
	}
}

// TestTables checks that the default filter's lists name calls that x86_64 has, and that the
// tutorial's list is the published one.
func TestTables(t *testing.T) {
	for _, rows := range [][]refusal{tutorialList(), tutorialClosed(), closedHoles()} {
		for _, r := range rows {
			if r.why == "" || r.how.permits() {
				t.Errorf("%s: %s, %q", r.calls, r.how, r.why)
			}
			for name := range strings.FieldsSeq(r.calls) {
				if _, ok := abis[0].number(name); !ok {
					t.Errorf("x86_64 has no %s", name)
				}
			}
		}
	}
	// The tutorial's list, from the output in its chapter: libseccomp's names and comparisons,
	// in decimal.
	published := strings.Fields("chmod:1:2048 chmod:1:1024 fchmod:1:2048 fchmod:1:1024 fchmodat:2:2048 fchmodat:2:1024 unshare:0:268435456 " +
		"clone:0:268435456 ioctl:1:21522 keyctl add_key request_key mbind migrate_pages move_pages set_mempolicy userfaultfd perf_event_open")
	var ours []string
	for _, r := range tutorialList() {
		for name := range strings.FieldsSeq(r.calls) {
			if len(r.when) == 1 {
				c := r.when[0]
				if c.op != opMaskedEQ || c.mask != c.value || c.cut {
					t.Errorf("%s: %v is not as published", name, c)
				}
				name = fmt.Sprintf("%s:%d:%d", name, c.arg, c.value)
			}
			ours = append(ours, name)
		}
	}
	slices.Sort(published)
	slices.Sort(ours)
	if !slices.Equal(published, ours) {
		t.Errorf("the tutorial's list is\n%v, ours\n%v", published, ours)
	}
}

// TestRealProfiles checks that the profiles in testdata can be read on every architecture.
func TestRealProfiles(t *testing.T) {
	for _, name := range []string{"moby-default.json", "podman-seccomp.json"} {
		data, err := os.ReadFile(profileFile(name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range abis {
			if a := &abis[i]; a.native() == a {
				p, _ := readText(t, string(data), readerFor(a))
				if got := verdictOn(t, p, a, "read"); got != allow {
					t.Errorf("%s on %s: read is %v", name, a.name, got)
				}
				if got := verdictOn(t, p, a, "kexec_load"); got.permits() {
					t.Errorf("%s on %s: kexec_load is %v", name, a.name, got)
				}
			}
		}
	}
}

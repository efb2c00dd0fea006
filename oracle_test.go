// Profiles, compared with libseccomp: both get the same rules, and millions of calls. The test
// reads the rules from the profile in its own way, independently of profile.go, so that errors in
// reading show too.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dockerCaps are Docker's default capabilities.
var dockerCaps = strings.Fields("CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID " +
	"CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE")

// allCaps are all capabilities.
var allCaps = append(strings.Fields("CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_BLOCK_SUSPEND CAP_BPF CAP_CHECKPOINT_RESTORE "+
	"CAP_DAC_READ_SEARCH CAP_IPC_LOCK CAP_IPC_OWNER CAP_LEASE CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_NET_ADMIN "+
	"CAP_NET_BROADCAST CAP_PERFMON CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYSLOG CAP_SYS_MODULE CAP_SYS_NICE CAP_SYS_PACCT CAP_SYS_PTRACE "+
	"CAP_SYS_RAWIO CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM"), dockerCaps...)

// profileFile returns the file of one of the widely used profiles in testdata.
func profileFile(name string) string { return filepath.Join("testdata", "profiles", name) }

// oracle compiles the C program that asks libseccomp, and returns its name.
func oracle(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "oracle")
	out, err := exec.Command("cc", "-O1", "-o", bin, filepath.Join("test", "oracle", "libseccomp.c"), "-lseccomp").CombinedOutput()
	if err != nil {
		missing(t, "no C compiler or no headers of libseccomp (apt-get install gcc libseccomp-dev): %v\n%s", err, out)
	}
	return bin
}

// oracleRule is a rule in the form in which the C program takes it.
type oracleRule struct {
	action uint32
	name   string
	args   string
	n      int
}

// oracleRules reads a profile in the simplest way.
func oracleRules(t testing.TB, file, arch string, held []string) (otherwise uint32, rules []oracleRule) {
	t.Helper()
	var p struct {
		DefaultAction   string
		DefaultErrnoRet *uint32
		Syscalls        []struct {
			Names    []string
			Action   string
			ErrnoRet *uint32
			Args     []struct {
				Index, Value, ValueTwo uint64
				Op                     string
			}
			Includes, Excludes struct {
				Caps, Arches []string
				MinKernel    string
			}
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	action := func(s string, errno *uint32) uint32 {
		e := uint32(1)
		if errno != nil {
			e = *errno
		}
		switch s {
		case "SCMP_ACT_ALLOW":
			return 0x7fff0000
		case "SCMP_ACT_ERRNO":
			return 0x00050000 | e
		case "SCMP_ACT_KILL_PROCESS":
			return 0x80000000
		}
		t.Fatalf("this test does not know the action %s", s)
		return 0
	}
	otherwise = action(p.DefaultAction, p.DefaultErrnoRet)
	ops := []string{"", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"}
	for _, s := range p.Syscalls {
		skipped := false
		for _, c := range s.Includes.Caps {
			skipped = skipped || !slices.Contains(held, c)
		}
		for _, c := range s.Excludes.Caps {
			skipped = skipped || slices.Contains(held, c)
		}
		if a := s.Includes.Arches; len(a) > 0 && !slices.Contains(a, arch) || slices.Contains(s.Excludes.Arches, arch) {
			skipped = true
		}
		if skipped || action(s.Action, s.ErrnoRet) == otherwise {
			continue
		}
		var args strings.Builder
		for _, a := range s.Args {
			fmt.Fprintf(&args, " %d %d %d %d", a.Index, slices.Index(ops, a.Op), a.Value, a.ValueTwo)
		}
		for _, n := range s.Names {
			rules = append(rules, oracleRule{action(s.Action, s.ErrnoRet), n, args.String(), len(s.Args)})
		}
	}
	return otherwise, rules
}

// oracleFilter returns libseccomp's filter, the names of calls that libseccomp does not know, and
// how long it took.
func oracleFilter(t testing.TB, bin string, archs []string, optimize int, otherwise uint32, rules []oracleRule) (prog []unix.SockFilter, unknown []string, microseconds int) {
	t.Helper()
	var in, out, errs bytes.Buffer
	fmt.Fprintf(&in, "default %d\noptimize %d\n", otherwise, optimize)
	for _, a := range archs {
		fmt.Fprintf(&in, "arch %s\n", a)
	}
	for _, r := range rules {
		fmt.Fprintf(&in, "rule %d %s %d%s\n", r.action, r.name, r.n, r.args)
	}
	cmd := exec.Command(bin)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("the oracle: %v\n%s", err, errs.String())
	}
	for line := range strings.Lines(errs.String()) {
		what, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case "unknown":
			unknown = append(unknown, value)
		case "microseconds":
			microseconds, _ = strconv.Atoi(value)
		case "exists":
			t.Logf("libseccomp: the profile contradicts itself on %s", value)
		}
	}
	raw := out.Bytes()
	if len(raw) == 0 || len(raw)%8 != 0 {
		t.Fatalf("the oracle wrote %d bytes", len(raw))
	}
	prog = make([]unix.SockFilter, len(raw)/8)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&prog[0])), len(raw)), raw)
	return prog, unknown, microseconds
}

// without removes the calls that libseccomp does not know from a policy.
func (p *policy) without(names []string) {
	for _, a := range p.abis {
		a.calls = slices.DeleteFunc(a.calls, func(c callRules) bool { return slices.Contains(names, c.name) })
		a.newer = 0 // a rule of runc, which libseccomp does not have; TestNewerCalls tests it
	}
}

// callsToTry returns how many calls to try instead of n. MANY=k in the environment multiplies it by k.
func callsToTry(n int) int {
	if m, err := strconv.Atoi(os.Getenv("MANY")); err == nil && m > 0 {
		n *= m
	}
	if testing.Short() {
		n /= 20
	}
	return n
}

// oracleCase is a profile and a machine, for which the filters are compared.
type oracleCase struct {
	file, native string
	archs        []string // as libseccomp names them
	caps         string
	held         []string
}

// oracleCases returns the cases for the profiles in testdata.
func oracleCases() (cases []oracleCase) {
	for _, profile := range []string{"moby-default.json", "podman-seccomp.json"} {
		for _, m := range []struct {
			native string
			archs  []string
		}{{"x86_64", []string{"x86_64", "x86", "x32"}}, {"arm64", []string{"aarch64", "arm"}}} {
			for _, c := range []struct {
				name string
				held []string
			}{{"no", nil}, {"docker", dockerCaps}, {"all", allCaps}} {
				cases = append(cases, oracleCase{profileFile(profile), m.native, m.archs, c.name, c.held})
			}
		}
	}
	// The two real profiles do not have everything: calls through socketcall and ipc, comparisons
	// of several arguments.
	return append(cases, oracleCase{filepath.Join("testdata", "multiplexed.json"), "x86_64", []string{"x86_64", "x86", "x32"}, "no", nil})
}

// prepare returns the policy of a case, tincan's filter and libseccomp's.
func (c oracleCase) prepare(t *testing.T, bin string, optimize int) (*policy, []unix.SockFilter, []unix.SockFilter) {
	t.Helper()
	native, err := abiNamed(c.native)
	if err != nil {
		t.Fatal(err)
	}
	otherwise, rules := oracleRules(t, c.file, native.goarch, c.held)
	theirs, unknown, _ := oracleFilter(t, bin, c.archs, optimize, otherwise, rules)
	p, _, err := seccompPolicyFor(native, c.file, c.held, false)
	if err != nil {
		t.Fatal(err)
	}
	p.without(unknown)
	ours, err := p.compile()
	if err != nil {
		t.Fatal(err)
	}
	return p, ours, theirs
}

// TestLibseccomp compares the filters on random calls.
func TestLibseccomp(t *testing.T) {
	bin := oracle(t)
	for _, c := range oracleCases() {
		t.Run(filepath.Base(c.file)+"/"+c.native+"/"+c.caps, func(t *testing.T) {
			p, ours, theirs := c.prepare(t, bin, 2)
			n := callsToTry(3_000_000)
			d := newDrawer(p, rand.Uint64())
			var call sysCall
			for range n {
				d.next(&call)
				a, _, err := runFilter(ours, &call)
				if err != nil {
					t.Fatal(err)
				}
				b, _, err := runFilter(theirs, &call)
				if err != nil {
					t.Fatal(err)
				}
				if a != b {
					judge := p.judge(call)
					name := "(an ABI that the profile does not list)"
					if judge != nil {
						name = judge.abi.name + " " + judge.abi.call(call.nr)
					}
					t.Fatalf("%s %+v: tincan %v, libseccomp %v", name, call, a, b)
				}
			}
			t.Logf("%d calls, no difference; %d instructions, libseccomp %d", n, len(ours), len(theirs))
		})
	}
}

// The tables, compared with independent sources: the kernel's headers, x/sys, the tutorial's lists.
package main

import (
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// defines returns the #defines of a kernel header whose names match and whose values are numbers.
// Debian's linux-libc-dev has the headers.
func defines(t *testing.T, match string, headers ...string) map[string]int {
	t.Helper()
	for _, h := range headers {
		b, err := os.ReadFile(h)
		if err != nil {
			continue
		}
		out := map[string]int{}
		for _, m := range regexp.MustCompile(`(?m)^#\s*define\s+(`+match+`)\s+(\d+|0x[0-9a-fA-F]+)\b`).FindAllStringSubmatch(string(b), -1) {
			n, err := strconv.ParseInt(m[2], 0, 64)
			if err != nil {
				t.Fatalf("%s: %q", h, m[0])
			}
			out[m[1]] = int(n)
		}
		if len(out) == 0 {
			t.Fatalf("%s: nothing matches %s", h, match)
		}
		return out
	}
	missing(t, "the kernel's headers are not installed (%s): apt-get install linux-libc-dev", strings.Join(headers, ", "))
	return nil
}

// TestCapabilitiesAgainstKernelHeader compares the capabilities with linux/capability.h.
func TestCapabilitiesAgainstKernelHeader(t *testing.T) {
	header := defines(t, `CAP_[A-Z_]+`, "/usr/include/linux/capability.h")
	for n, c := range capabilityTable {
		if h, ok := header[c.name]; ok && h != n {
			t.Errorf("%s is %d in the header and %d in the table", c.name, h, n)
		} else if !ok {
			t.Errorf("%s (%d) is not in the header", c.name, n)
		}
	}
	for name, n := range header {
		if n >= len(capabilityTable) {
			t.Errorf("%s (%d) is in the header and not in the table", name, n)
		}
	}
}

// TestCapabilitiesAgainstXSys compares the capabilities with x/sys.
func TestCapabilitiesAgainstXSys(t *testing.T) {
	want := map[string]int{
		"CAP_CHOWN": unix.CAP_CHOWN, "CAP_DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "CAP_DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH,
		"CAP_FOWNER": unix.CAP_FOWNER, "CAP_FSETID": unix.CAP_FSETID, "CAP_KILL": unix.CAP_KILL, "CAP_SETGID": unix.CAP_SETGID,
		"CAP_SETUID": unix.CAP_SETUID, "CAP_SETPCAP": unix.CAP_SETPCAP, "CAP_LINUX_IMMUTABLE": unix.CAP_LINUX_IMMUTABLE,
		"CAP_NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE, "CAP_NET_BROADCAST": unix.CAP_NET_BROADCAST, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN,
		"CAP_NET_RAW": unix.CAP_NET_RAW, "CAP_IPC_LOCK": unix.CAP_IPC_LOCK, "CAP_IPC_OWNER": unix.CAP_IPC_OWNER,
		"CAP_SYS_MODULE": unix.CAP_SYS_MODULE, "CAP_SYS_RAWIO": unix.CAP_SYS_RAWIO, "CAP_SYS_CHROOT": unix.CAP_SYS_CHROOT,
		"CAP_SYS_PTRACE": unix.CAP_SYS_PTRACE, "CAP_SYS_PACCT": unix.CAP_SYS_PACCT, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN,
		"CAP_SYS_BOOT": unix.CAP_SYS_BOOT, "CAP_SYS_NICE": unix.CAP_SYS_NICE, "CAP_SYS_RESOURCE": unix.CAP_SYS_RESOURCE,
		"CAP_SYS_TIME": unix.CAP_SYS_TIME, "CAP_SYS_TTY_CONFIG": unix.CAP_SYS_TTY_CONFIG, "CAP_MKNOD": unix.CAP_MKNOD, "CAP_LEASE": unix.CAP_LEASE,
		"CAP_AUDIT_WRITE": unix.CAP_AUDIT_WRITE, "CAP_AUDIT_CONTROL": unix.CAP_AUDIT_CONTROL, "CAP_SETFCAP": unix.CAP_SETFCAP,
		"CAP_MAC_OVERRIDE": unix.CAP_MAC_OVERRIDE, "CAP_MAC_ADMIN": unix.CAP_MAC_ADMIN, "CAP_SYSLOG": unix.CAP_SYSLOG,
		"CAP_WAKE_ALARM": unix.CAP_WAKE_ALARM, "CAP_BLOCK_SUSPEND": unix.CAP_BLOCK_SUSPEND, "CAP_AUDIT_READ": unix.CAP_AUDIT_READ,
		"CAP_PERFMON": unix.CAP_PERFMON, "CAP_BPF": unix.CAP_BPF, "CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
	}
	if len(capabilityTable) != unix.CAP_LAST_CAP+1 || len(want) != len(capabilityTable) {
		t.Errorf("%d rows; x/sys has %d, this test %d", len(capabilityTable), unix.CAP_LAST_CAP+1, len(want))
	}
	for n, c := range capabilityTable {
		if w, ok := want[c.name]; !ok || w != n {
			t.Errorf("%s: row %d, x/sys says %d", c.name, n, w)
		}
		if c.why == "" {
			t.Errorf("%s has no reason", c.name)
		}
	}
}

// TestCapabilitiesOfTheTutorial checks which capabilities are dropped: those of the tutorial's step
// 12, and three that are newer.
func TestCapabilitiesOfTheTutorial(t *testing.T) {
	dropped := strings.Fields(`AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND DAC_READ_SEARCH DAC_OVERRIDE FSETID
		IPC_LOCK MAC_ADMIN MAC_OVERRIDE MKNOD SETFCAP SYSLOG SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_RAWIO
		SYS_RESOURCE SYS_TIME WAKE_ALARM`)
	newer := strings.Fields("PERFMON BPF CHECKPOINT_RESTORE")
	if len(dropped) != 21 {
		t.Fatalf("the tutorial's list has 21 names, this test's %d", len(dropped))
	}
	for _, c := range capabilityTable {
		n := strings.TrimPrefix(c.name, "CAP_")
		tutorial := slices.Contains(dropped, n)
		if c.tutorial != tutorial {
			t.Errorf("%s: tutorial is %v in the table, %v in the tutorial", c.name, c.tutorial, tutorial)
		}
		if want := !tutorial && !slices.Contains(newer, n); c.kept != want {
			t.Errorf("%s: kept is %v, want %v", c.name, c.kept, want)
		}
	}
	if n := len(keptCaps().names()); n != 41-21-3 {
		t.Errorf("%d capabilities are kept, want 17", n)
	}
}

// TestCapabilitiesNewerThanTheTable checks that capabilities of newer kernels are all dropped.
func TestCapabilitiesNewerThanTheTable(t *testing.T) {
	var dropped []string
	for _, s := range bounding(keptCaps(), 45) {
		dropped = append(dropped, s.String())
	}
	if len(dropped) != 46-17 || dropped[len(dropped)-1] != "prctl(PR_CAPBSET_DROP, 45)" {
		t.Errorf("%d drops, the last is %s", len(dropped), dropped[len(dropped)-1])
	}
}

// TestRlimitsAgainstKernelHeader compares the limits with asm-generic/resource.h.
func TestRlimitsAgainstKernelHeader(t *testing.T) {
	switch runtime.GOARCH {
	case "amd64", "arm64", "riscv64": // other architectures (alpha, mips, sparc) have other numbers
	default:
		t.Skip("skipped: asm-generic/resource.h does not apply to this architecture")
	}
	header := defines(t, `RLIMIT_[A-Z_]+`, "/usr/include/asm-generic/resource.h")
	for n, r := range rlimitTable {
		if h, ok := header["RLIMIT_"+r.name]; !ok || h != n {
			t.Errorf("RLIMIT_%s: row %d, the header says %d (%v)", r.name, n, h, ok)
		}
	}
	if len(header) != len(rlimitTable) {
		t.Errorf("%d in the header, %d in the table", len(header), len(rlimitTable))
	}
}

// TestRlimitsAgainstXSys compares the limits with x/sys, and checks the defaults.
func TestRlimitsAgainstXSys(t *testing.T) {
	want := map[string]int{
		"CPU": unix.RLIMIT_CPU, "FSIZE": unix.RLIMIT_FSIZE, "DATA": unix.RLIMIT_DATA, "STACK": unix.RLIMIT_STACK,
		"CORE": unix.RLIMIT_CORE, "RSS": unix.RLIMIT_RSS, "NPROC": unix.RLIMIT_NPROC, "NOFILE": unix.RLIMIT_NOFILE,
		"MEMLOCK": unix.RLIMIT_MEMLOCK, "AS": unix.RLIMIT_AS, "LOCKS": unix.RLIMIT_LOCKS, "SIGPENDING": unix.RLIMIT_SIGPENDING,
		"MSGQUEUE": unix.RLIMIT_MSGQUEUE, "NICE": unix.RLIMIT_NICE, "RTPRIO": unix.RLIMIT_RTPRIO, "RTTIME": unix.RLIMIT_RTTIME,
	}
	if len(rlimitTable) != 16 || len(want) != 16 {
		t.Errorf("%d rows, want the 16 of setrlimit(2)", len(rlimitTable))
	}
	for n, r := range rlimitTable {
		if w, ok := want[r.name]; !ok || w != n {
			t.Errorf("RLIMIT_%s: row %d, x/sys says %d", r.name, n, w)
		}
	}
	d := standardRlimits()
	for i, want := range []rlimit{{unix.RLIMIT_NOFILE, 1024, 1024}, {unix.RLIMIT_RTPRIO, 0, 0}, {unix.RLIMIT_NICE, 0, 0}, {unix.RLIMIT_CORE, 0, 0}} {
		if len(d) != 4 || d[i] != want {
			t.Errorf("defaults %v, want %v", d, want)
		}
	}
}

// TestHostnames checks that hostnames are random, from the tutorial's 16 adjectives, 8 nouns and
// 256 numbers.
func TestHostnames(t *testing.T) {
	unique := func(words []string) int {
		s := slices.Clone(words)
		slices.Sort(s)
		return len(slices.Compact(s))
	}
	if n := unique(adjectives[:]); n != 16 {
		t.Errorf("%d different adjectives, want 16", n)
	}
	if n := unique(nouns[:]); n != 8 {
		t.Errorf("%d different nouns, want 8", n)
	}
	shape := regexp.MustCompile(`^([a-z]+)-([a-z]+)-(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$`)
	seen := [3]map[string]bool{{}, {}, {}}
	for range 20000 { // the chance that one of the 256 numbers does not occur is below 10^-31
		name := randomHostname()
		m := shape.FindStringSubmatch(name)
		if m == nil {
			t.Fatalf("%q is not adjective-noun-number", name)
		}
		for i := range seen {
			seen[i][m[i+1]] = true
		}
	}
	if a, n, k := len(seen[0]), len(seen[1]), len(seen[2]); a != 16 || n != 8 || k != 256 {
		t.Errorf("%d adjectives, %d nouns, %d numbers; want 16, 8, 256", a, n, k)
	}
}

// TestDevices compares the device numbers, which are those of
// Documentation/admin-guide/devices.txt, with this machine's.
func TestDevices(t *testing.T) {
	for _, d := range deviceTable {
		var st unix.Stat_t
		if err := unix.Stat("/dev/"+d.name, &st); err != nil {
			t.Errorf("/dev/%s: %v", d.name, err)
		} else if st.Rdev != unix.Mkdev(d.major, d.minor) || st.Mode&unix.S_IFMT != unix.S_IFCHR {
			t.Errorf("/dev/%s is %d:%d here, %d:%d in the table", d.name, unix.Major(st.Rdev), unix.Minor(st.Rdev), d.major, d.minor)
		}
	}
}

// TestSystemCallNumbers compares this machine's table of system calls with the kernel's header.
func TestSystemCallNumbers(t *testing.T) {
	native, err := abiNamed("")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for name, n := range systemCallNumbers(t) {
		if ours, ok := native.number(strings.TrimPrefix(name, "__NR_")); ok && int(ours) != n {
			t.Errorf("%s is %d in the kernel's header, %d in the table", name, n, ours)
		} else if ok {
			compared++
		}
	}
	if compared < 300 {
		t.Errorf("only %d calls are in both the header and the table", compared)
	}
}

// systemCallNumbers returns the __NR_ constants of the kernel's header.
func systemCallNumbers(t *testing.T) map[string]int {
	t.Helper()
	return defines(t, `__NR_[a-z0-9_]+`,
		"/usr/include/"+map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}[runtime.GOARCH]+"-linux-gnu/asm/unistd_64.h",
		"/usr/include/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
}

// The tables, against sources that are not the tables.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// defines reads the #defines of a kernel header whose names match and whose values
// are numbers. The headers are of Debian's linux-libc-dev.
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
	missing(t, "the kernel's headers are not here (%s): apt-get install linux-libc-dev", strings.Join(headers, ", "))
	return nil
}

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
			t.Errorf("%s: no reason", c.name)
		}
	}
}

// TestCapabilitiesOfTheTutorial: what step 12 drops, in its order.
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

// TestCapabilitiesNewerThanTheTable: a kernel with more of them loses them all.
func TestCapabilitiesNewerThanTheTable(t *testing.T) {
	c := &config{keep: keptCaps(), lastCap: 45}
	var dropped []string
	for _, s := range bounding(c) {
		dropped = append(dropped, s.String())
	}
	if len(dropped) != 46-17 || dropped[len(dropped)-1] != "prctl(PR_CAPBSET_DROP, 45)" {
		t.Errorf("%d drops, the last is %s", len(dropped), dropped[len(dropped)-1])
	}
}

func TestRlimitsAgainstKernelHeader(t *testing.T) {
	switch runtime.GOARCH {
	case "amd64", "arm64", "riscv64": // the others (alpha, mips, sparc) have numbers of their own
	default:
		t.Skip("skipped: asm-generic/resource.h is not this architecture's")
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
	if d := defaultRlimits; len(d) != 1 || d[0].resource != unix.RLIMIT_NOFILE || d[0].cur != 64 || d[0].max != 64 {
		t.Errorf("defaults %v, want the tutorial's RLIMIT_NOFILE 64", d)
	}
}

// TestHostnames: the tutorial's 16 adjectives, 8 nouns and 256 numbers.
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
	for range 20000 { // each of the 256 numbers is missed with a chance of 10^-34
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

// TestDevices: the numbers of Documentation/admin-guide/devices.txt, as this
// machine has them.
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

// TestSystemCallNumbers: our table of this machine's calls has the numbers of the
// kernel's header, for every call of the header.
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

func systemCallNumbers(t *testing.T) map[string]int {
	t.Helper()
	return defines(t, `__NR_[a-z0-9_]+`,
		"/usr/include/"+map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}[runtime.GOARCH]+"-linux-gnu/asm/unistd_64.h",
		"/usr/include/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
}

// The rest is about the promise that a step's text is what its call does. The text
// is read back, with the values of x/sys, and compared with what the kernel would
// be given.

// callNumbers are x/sys's. A call that is missing here fails the test.
var callNumbers = map[string]uintptr{
	"capset": unix.SYS_CAPSET, "chdir": unix.SYS_CHDIR, "clone": unix.SYS_CLONE, "close": unix.SYS_CLOSE, "close_range": unix.SYS_CLOSE_RANGE,
	"execve": unix.SYS_EXECVE, "ioctl": unix.SYS_IOCTL, "keyctl": unix.SYS_KEYCTL, "lsm_set_self_attr": unix.SYS_LSM_SET_SELF_ATTR, "mkdirat": unix.SYS_MKDIRAT, "mknodat": unix.SYS_MKNODAT, "mount": unix.SYS_MOUNT,
	"mount_setattr": unix.SYS_MOUNT_SETATTR, "openat": unix.SYS_OPENAT, "pivot_root": unix.SYS_PIVOT_ROOT, "prctl": unix.SYS_PRCTL, "prlimit64": unix.SYS_PRLIMIT64,
	"read": unix.SYS_READ, "rt_sigprocmask": unix.SYS_RT_SIGPROCMASK, "seccomp": unix.SYS_SECCOMP, "setgroups": unix.SYS_SETGROUPS,
	"sethostname": unix.SYS_SETHOSTNAME, "setpgid": unix.SYS_SETPGID, "setresgid": unix.SYS_SETRESGID, "setresuid": unix.SYS_SETRESUID,
	"socket": unix.SYS_SOCKET, "symlinkat": unix.SYS_SYMLINKAT, "umask": unix.SYS_UMASK, "umount2": unix.SYS_UMOUNT2,
	"unshare": unix.SYS_UNSHARE, "write": unix.SYS_WRITE,
}

// constants are the names that may stand in a step's text, with x/sys's values.
var constants = map[string]int64{
	"NULL": 0, "KEYCTL_JOIN_SESSION_KEYRING": unix.KEYCTL_JOIN_SESSION_KEYRING, "O_WRONLY": unix.O_WRONLY, "O_CLOEXEC": unix.O_CLOEXEC, "SIG_SETMASK": unix.SIG_SETMASK, "AT_FDCWD": unix.AT_FDCWD, "AT_RECURSIVE": unix.AT_RECURSIVE, "MNT_DETACH": unix.MNT_DETACH,
	"MS_RDONLY": unix.MS_RDONLY, "MS_NOSUID": unix.MS_NOSUID, "MS_NODEV": unix.MS_NODEV, "MS_NOEXEC": unix.MS_NOEXEC,
	"MS_BIND": unix.MS_BIND, "MS_REC": unix.MS_REC, "MS_PRIVATE": unix.MS_PRIVATE, "S_IFREG": unix.S_IFREG,
	"MOUNT_ATTR_RDONLY": unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_NOSUID": unix.MOUNT_ATTR_NOSUID,
	"MOUNT_ATTR_NODEV": unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NOEXEC": unix.MOUNT_ATTR_NOEXEC,
	"CLONE_NEWUSER": unix.CLONE_NEWUSER, "CLONE_NEWCGROUP": unix.CLONE_NEWCGROUP, "CLOSE_RANGE_CLOEXEC": unix.CLOSE_RANGE_CLOEXEC,
	"PR_SET_PDEATHSIG": unix.PR_SET_PDEATHSIG, "PR_SET_DUMPABLE": unix.PR_SET_DUMPABLE, "PR_SET_KEEPCAPS": unix.PR_SET_KEEPCAPS, "PR_SET_NAME": unix.PR_SET_NAME,
	"PR_SET_NO_NEW_PRIVS": unix.PR_SET_NO_NEW_PRIVS, "PR_CAPBSET_DROP": unix.PR_CAPBSET_DROP, "PR_CAP_AMBIENT": unix.PR_CAP_AMBIENT,
	"PR_CAP_AMBIENT_CLEAR_ALL": unix.PR_CAP_AMBIENT_CLEAR_ALL, "SUID_DUMP_DISABLE": 0, "SIGKILL": int64(unix.SIGKILL),
	"AF_INET": unix.AF_INET, "SOCK_DGRAM": unix.SOCK_DGRAM, "SOCK_CLOEXEC": unix.SOCK_CLOEXEC, "IPPROTO_IP": unix.IPPROTO_IP,
	"SIOCSIFFLAGS": unix.SIOCSIFFLAGS, "TIOCSPGRP": unix.TIOCSPGRP, "SECCOMP_SET_MODE_FILTER": unix.SECCOMP_SET_MODE_FILTER,
	"child_stack=NULL, flags=SIGCHLD": int64(unix.SIGCHLD),
	"LSM_ATTR_EXEC":                   101, // the kernel's linux/lsm.h, for want of one in x/sys; test/vm shows that a kernel agrees
}

// value reads A|B|0x10 or a number; ok is false for anything else.
func value(text string) (n int64, ok bool) {
	if v, known := constants[text]; known {
		return v, true
	}
	for part := range strings.SplitSeq(text, "|") {
		v, known := constants[part]
		if !known {
			var err error
			if v, err = strconv.ParseInt(part, 0, 64); err != nil {
				return 0, false
			}
		}
		if n&v != 0 && v != n {
			return 0, false // a bit twice
		}
		n |= v
	}
	return n, true
}

func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

func TestStepsDoWhatTheirTextSays(t *testing.T) {
	header := map[string]int{}
	t.Run("header", func(t *testing.T) { header = systemCallNumbers(t) })
	checked, opaque := 0, map[string]int{}
	for _, set := range goldenSets(t) {
		for _, s := range set.plan {
			if s.actor == host || s.actor == after {
				continue // ordinary Go
			}
			if n, ok := callNumbers[s.call]; !ok || n != s.nr {
				t.Errorf("%s: number %d, x/sys says %d", s, s.nr, n)
			}
			if n, ok := header["__NR_"+s.call]; ok && n != int(s.nr) {
				t.Errorf("%s: number %d, the kernel's header says %d", s, s.nr, n)
			}
			for i, a := range s.args {
				if a.show == nil {
					if a.n != 0 || a.p != nil || a.kept != 0 {
						t.Errorf("%s: argument %d is not shown, and is not 0", s, i)
					}
					continue
				}
				if why := checkArg(s, a); why == "opaque" {
					opaque[a.show(a)]++
				} else if why != "" {
					t.Errorf("%s: argument %d: %s", s, i, why)
				} else {
					checked++
				}
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d arguments checked", checked)
	}
	// What cannot be read back: descriptors and memory that the launcher fills in.
	for text := range opaque {
		if !slices.Contains([]string{"ARGV", "LEN", "TITLE", "PARENT", "SOCKET", "REPORT-1", "REPORT+1", "TTY", "MEMORY", "PIDS", "CPU", "BLKIO", `"\1"`}, text) {
			t.Errorf("%s: nobody knows whether that is true", text)
		}
	}
}

// checkArg compares an argument with its text. It gives "" if they agree and
// "opaque" if they cannot be compared.
func checkArg(s *step, a arg) string {
	text := a.show(a)
	le := binary.LittleEndian
	switch {
	case a.kept != 0:
		if text != "KEPT" || a.kept != ^uintptr(0) {
			return "a kept result, shown as " + text
		}
	case a.p == nil:
		if s.call == "umask" || strings.HasPrefix(text, "0") && text != "0" { // octal
			n, err := strconv.ParseUint(text, 8, 32)
			if err != nil || uintptr(n) != a.n {
				return fmt.Sprintf("%s, and the kernel gets %o", text, a.n)
			}
			return ""
		}
		if text == "CAP_"+strings.TrimPrefix(text, "CAP_") {
			if capName(int(a.n)) != text { // the table is checked above
				return fmt.Sprintf("%s, and the kernel gets %d", text, a.n)
			}
			return ""
		}
		if strings.HasPrefix(text, "RLIMIT_") {
			if "RLIMIT_"+rlimitTable[a.n].name != text {
				return fmt.Sprintf("%s, and the kernel gets %d", text, a.n)
			}
			return ""
		}
		n, ok := value(text)
		if !ok {
			return "opaque"
		}
		if uintptr(n) != a.n {
			return fmt.Sprintf("%s is %#x, and the kernel gets %#x", text, n, a.n)
		}
	case a.n != 0:
		return "a number and a pointer"
	case text[0] == '"' && s.call != "read":
		want := a.s + "\x00"
		if got := string(bytesAt(a.p, len(want))); got != want || quote(a.s) != text {
			return fmt.Sprintf("%s, and the kernel gets %q", text, got)
		}
	case strings.HasPrefix(text, "{attr_set="):
		set, _, _ := strings.Cut(strings.TrimPrefix(text, "{attr_set="), ",")
		n, ok := value(set)
		b := bytesAt(a.p, 32) // struct mount_attr of mount_setattr(2)
		if got := le.Uint64(b); !ok || uint64(n) != got || le.Uint64(b[8:])|le.Uint64(b[16:])|le.Uint64(b[24:]) != 0 {
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "{version="):
		if b := bytesAt(a.p, 8); le.Uint32(b) != 0x20080522 || le.Uint32(b[4:]) != 0 { // capset(2)
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "{effective="):
		b := bytesAt(a.p, 24) // two times effective, permitted, inheritable
		var sets [3]capSet
		for i := range sets {
			sets[i] = capSet(le.Uint32(b[4*i:])) | capSet(le.Uint32(b[12+4*i:]))<<32
		}
		if want := fmt.Sprintf("{effective=%s, permitted=%s, inheritable=%s}", sets[0].text(), sets[1].text(), sets[2].text()); text != want {
			return text + ", and the kernel gets " + want
		}
	case strings.HasPrefix(text, "{id=LSM_ID_APPARMOR"):
		head := bytesAt(a.p, 32) // struct lsm_ctx: id, which is 104, flags, len, ctx_len, ctx
		ctx := string(bytesAt(a.p, 32+int(le.Uint64(head[24:])))[32:])
		if want := fmt.Sprintf("{id=LSM_ID_APPARMOR, flags=%d, len=%d, ctx_len=%d, ctx=%s}", le.Uint64(head[8:]), le.Uint64(head[16:]), len(ctx), quote(ctx)); le.Uint64(head) != 104 || text != want {
			return text + ", and the kernel gets " + want
		}
	case strings.HasPrefix(text, "{rlim_cur="):
		b := bytesAt(a.p, 16)
		if want := fmt.Sprintf("{rlim_cur=%s, rlim_max=%s}", rlimText(le.Uint64(b)), rlimText(le.Uint64(b[8:]))); text != want {
			return text + ", and the kernel gets " + want
		}
	case strings.HasPrefix(text, "{len="):
		if n := le.Uint16(bytesAt(a.p, 2)); !strings.HasPrefix(text, fmt.Sprintf("{len=%d,", n)) {
			return fmt.Sprintf("%s, and the kernel gets %d", text, n)
		}
	case strings.HasPrefix(text, "{ifr_name="):
		b := bytesAt(a.p, 40) // struct ifreq
		if unix.ByteSliceToString(b[:16]) != "lo" || le.Uint16(b[16:]) != unix.IFF_UP|unix.IFF_RUNNING || text != `{ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING}` {
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "["):
		if s.call == "execve" {
			var words []string
			for p := (**byte)(a.p); *p != nil; p = (**byte)(unsafe.Add(unsafe.Pointer(p), 8)) {
				words = append(words, unix.BytePtrToString(*p))
			}
			if vectorText(words) != text {
				return text + ", and the kernel gets " + vectorText(words)
			}
		} else if s.call == "ioctl" {
			if n := le.Uint32(bytesAt(a.p, 4)); fmt.Sprintf("[%d]", n) != text {
				return fmt.Sprintf("%s, and the kernel gets %d", text, n)
			}
		} else if set := le.Uint64(bytesAt(a.p, 8)); sigsetText(set) != text {
			return fmt.Sprintf("%s, and the kernel gets %#x", text, set)
		}
	case strings.HasPrefix(text, "ENVP /* "):
		n := 0
		for p := (**byte)(a.p); *p != nil; p = (**byte)(unsafe.Add(unsafe.Pointer(p), 8)) {
			n++
		}
		if text != "ENVP /* "+plural(n, "var")+" */" {
			return fmt.Sprintf("%s, and the kernel gets %d", text, n)
		}
	default:
		return "opaque"
	}
	return ""
}

// tincan record: what it records and writes. The container must not outlive the recorder.
// recordprograms_test.go records everyday programs.
package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// recordedProfile is the profile that record writes.
type recordedProfile struct {
	DefaultAction   string
	DefaultErrnoRet int
	Architectures   []string
	Syscalls        []struct {
		Names    []string
		Action   string
		ErrnoRet int
		Args     []struct {
			Index           int
			Value, ValueTwo uint64
			Op              string
		}
	}
}

// readProfile reads such a profile.
func readProfile(t *testing.T, file string) (p recordedProfile) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, file)), &p); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p
}

// allows reports whether the profile allows a call with any arguments.
func (p recordedProfile) allows(name string) bool {
	for _, s := range p.Syscalls {
		if s.Action == "SCMP_ACT_ALLOW" && s.Args == nil && slices.Contains(s.Names, name) {
			return true
		}
	}
	return false
}

// record records a command, which must succeed.
func record(t *testing.T, file string, flags ...string) result {
	t.Helper()
	r := tincan(t, append([]string{"record", "-o", file}, flags...)...)
	if r.status != 0 || !strings.Contains(r.err, " total, ") {
		t.Fatalf("record %q: %v", flags, r)
	}
	return r
}

// TestRecord checks that a recording changes nothing, that the profile allows the same command and
// no other, and that a second recording gives the same file.
func TestRecord(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	const script = "echo $(echo one | cat) two; mkdir -p /tmp/d && ls /tmp"
	file := filepath.Join(t.TempDir(), "p.json")
	for _, init := range []string{"--init", "--no-init"} {
		plain := ok(t, init, "-m", dir, "--", "sh", "-c", script)
		r := record(t, file, init, "-m", dir, "--", "sh", "-c", script)
		if strings.TrimSpace(r.out) != plain {
			t.Errorf("%s: in a recording %q, otherwise %q", init, r.out, plain)
		}
		p := readProfile(t, file)
		if p.DefaultAction != "SCMP_ACT_ERRNO" || len(p.Architectures) != 1 || !slices.IsSorted(p.Syscalls[0].Names) || len(p.Syscalls[0].Names) < 30 {
			t.Errorf("%s: %+v", init, p)
		}
		if !p.allows("mkdir") && !p.allows("mkdirat") || p.allows("ptrace") || p.allows("sendmsg") || p.allows("seccomp") {
			t.Errorf("%s: %q", init, p.Syscalls[0].Names)
		}
		if got := ok(t, init, "--seccomp="+file, "-m", dir, "--", "sh", "-c", script); got != plain {
			t.Errorf("%s: under the profile %q, otherwise %q", init, got, plain)
		}
		// The profile refuses other calls.
		if r := tincan(t, init, "--seccomp="+file, "-m", dir, "--", "sh", "-c", "ln -s a /tmp/l || echo refused"); r.out != "refused\n" {
			t.Errorf("%s: %v", init, r)
		}
	}
	// A second recording gives the same file.
	first := read(t, file)
	record(t, file, "-m", dir, "--", "sh", "-c", script)
	if again := read(t, file); again != first {
		t.Errorf("a second recording differs:\n%s\n%s", first, again)
	}
}

// TestRecordStatus checks that the status is the command's, and that a command which does not run
// leaves no profile.
func TestRecordStatus(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "p.json")
	for _, mode := range []string{"--report", "--minimal", "--debug", "--seccomp=none"} {
		r := tincan(t, "record", mode, "-o", file, "-m", dir, "--", "sh", "-c", "exit 7")
		if r.status != 7 || !exists(file) {
			t.Errorf("%s: %v", mode, r)
		}
		os.Remove(file)
		r = tincan(t, "record", mode, "-o", file, "-m", dir, "--", "/nosuch")
		if r.status != 127 || !strings.Contains(r.err, "/nosuch: no such file") {
			t.Errorf("%s: a command that does not exist: %v", mode, r)
		}
		if left, _ := filepath.Glob(file + "*"); left != nil {
			t.Errorf("%s: left behind: %q", mode, left)
		}
	}
	r := tincan(t, "record", "--timeout=300ms", "-o", file, "-m", dir, "--", "sleep", "100")
	if r.status != 124 || !exists(file) {
		t.Errorf("timeout: %v", r)
	}
	r = tincan(t, "record", "-m", dir, "--", "sh", "-c", "kill -TERM $$")
	if r.status != 143 || !strings.Contains(r.err, "/bin/busybox: ") {
		t.Errorf("a command that a signal ended, without -o: %v", r)
	}
	for _, c := range [][]string{
		{"--seccomp-log", "--", "true"},
		{"--merge=" + file, "--", "true"},
		{"-o", file, "--merge=" + dir, "--", "true"},
		{"-o", file, "--merge=/nosuch", "--", "true"},
		{"--diff=/nosuch", "--", "true"},
		{"-o", "-", "--", "true"},
		{"-o", dir, "--", "true"},
		{"-o", dir + "/no/such", "--", "true"},
	} {
		refused(t, tincan(t, append([]string{"record", "-m", dir}, c...)...))
	}
}

// TestRecordKeepsTheFilter checks that the filter of --seccomp stays in force, and that calls which
// it refuses are not recorded.
func TestRecordKeepsTheFilter(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	flags := append([]string{"-m", dir}, attacks(t)...)
	plain := attackResults(t, tincan(t, append(flags, "--", "/tmp/holes")...))
	file := filepath.Join(t.TempDir(), "p.json")
	r := tincan(t, append([]string{"record", "-o", file}, append(flags, "--", "/tmp/holes")...)...)
	for name, what := range attackResults(t, r) {
		if name == "i386" { // a recording allows 32-bit programs
			continue
		}
		if plain[name] != what {
			t.Errorf("%s: %q in a recording, %q without", name, what, plain[name])
		}
	}
	p := readProfile(t, file)
	for _, name := range []string{"keyctl", "clone3", "io_uring_setup", "mount", "setns", "userfaultfd"} {
		if p.allows(name) {
			t.Errorf("%s was refused, but the profile allows it", name)
		}
	}
}

// TestRecorderKilled checks that the container ends if the recorder is killed.
func TestRecorderKilled(t *testing.T) {
	dir := tree(t)
	for _, init := range []string{"--init", "--no-init"} {
		file := filepath.Join(t.TempDir(), "p.json")
		j := start(t, job{args: []string{"record", init, "-o", file, "-m", dir, "--", "sh", "-c", "echo ready; while :; do sleep 0.01; done"}})
		j.waitFor("ready")
		j.signal(unix.SIGKILL)
		if r := j.wait(); r.signal != unix.SIGKILL {
			t.Errorf("%s: %v", init, r)
		}
		eventually(t, "the container has ended", func() bool { return len(processes()) == 0 })
		if left, _ := filepath.Glob(file + "*"); left != nil {
			t.Errorf("%s: left behind: %q", init, left)
		}
		ok(t, "-m", dir, "--", "true") // removes what the killed run has left
	}
}

// TestRecordMergeDiffArgs checks --merge, which adds a run to a profile, --diff, which lists the
// calls that a profile lacks, and --args, which limits arguments.
func TestRecordMergeDiffArgs(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	at := t.TempDir()
	one, two, sum := at+"/one.json", at+"/two.json", at+"/sum.json"
	record(t, one, "-m", dir, "--", "mkdir", "/tmp/a")
	record(t, two, "-m", dir, "--", "ln", "-s", "a", "/tmp/b")
	record(t, sum, "--merge="+one, "-m", dir, "--", "ln", "-s", "a", "/tmp/b")
	p, q, s := readProfile(t, one), readProfile(t, two), readProfile(t, sum)
	all := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(p.Syscalls[0].Names), q.Syscalls[0].Names...))))
	if !slices.Equal(all, s.Syscalls[0].Names) || len(all) == len(q.Syscalls[0].Names) {
		t.Errorf("the sum of\n%q and\n%q is\n%q", p.Syscalls[0].Names, q.Syscalls[0].Names, s.Syscalls[0].Names)
	}
	record(t, sum, "--merge="+sum, "-m", dir, "--", "mkdir", "/tmp/a")
	if again := readProfile(t, sum); !slices.Equal(again.Syscalls[0].Names, all) {
		t.Errorf("merged again: %q", again.Syscalls[0].Names)
	}
	r := tincan(t, "record", "--diff="+one, "-m", dir, "--", "ln", "-s", "a", "/tmp/b")
	if !strings.Contains(r.err, one+" does not allow symlink") || !strings.Contains(r.err, "(/bin/busybox, 1 time)") {
		t.Errorf("--diff: %v", r)
	}
	if r := tincan(t, "record", "--diff="+sum, "-m", dir, "--", "ln", "-s", "a", "/tmp/b"); !strings.Contains(r.err, "allows every call of this run") {
		t.Errorf("--diff: %v", r)
	}
	// --diff also lists calls that record assumes, if the file does not allow them.
	write(t, two, `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["write","lseek"],"action":"SCMP_ACT_ERRNO"}]}`)
	if r := tincan(t, "record", "--diff="+two, "-m", dir, "--", "echo"); !strings.Contains(r.err, " does not allow write (/bin/busybox, 1 time)") || strings.Contains(r.err, "lseek") {
		t.Errorf("--diff: %v", r)
	}

	record(t, one, append([]string{"--args", "-m", dir}, probe("sockets")...)...)
	var families []uint64
	for _, s := range readProfile(t, one).Syscalls {
		for _, a := range s.Args {
			if s.Names[0] == "socket" && a.Index == 0 && a.Op == "SCMP_CMP_MASKED_EQ" && a.Value == 0xffffffff {
				families = append(families, a.ValueTwo)
			}
		}
	}
	if !slices.Equal(families, []uint64{unix.AF_UNIX, unix.AF_INET}) {
		t.Errorf("families %v", families)
	}
	for family, want := range map[string]string{"1": "ALLOW", "2": "ALLOW", "16": "ERRNO(1)"} {
		if got := ok(t, "seccomp", "eval", one, "socket", family); got != want {
			t.Errorf("socket of family %s: %s, want %s", family, got, want)
		}
	}
}

// TestRecordFiles checks --files, which lists the files as AppArmor sees them, and --apparmor-out,
// whose profile apparmor_parser must accept. test/vm loads such a profile.
func TestRecordFiles(t *testing.T) {
	dir := tree(t)
	if err := os.Symlink("etc", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/etc/b c", "")
	mkdir(t, dir+"/data")
	for _, name := range strings.Split("abcdefghij", "") {
		write(t, dir+"/data/"+name, name)
	}
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "files.aa")
	r := tincan(t, "record", "--files", "--apparmor-out="+file, "-m", dir, "--", "sh", "-c", `
		cd /link && cat mine ../etc/mine 'b c' no/such 2>/dev/null; echo x >/tmp/new; mkdir /tmp/dir; rmdir /tmp/dir; ls /data >/dev/null
		cat /data/*; cat /proc/self/status >/dev/null; sh -c 'exec /bin/true'; mv /tmp/new /tmp/newer`)
	if r.status != 0 {
		t.Fatal(r)
	}
	for _, want := range []string{
		"r     /etc/mine", "r     /etc/b c", "r     /data/", "r     /data/j", "w     /tmp/dir/", "w     /tmp/newer", "r     /proc/[0-9]*/status", "rmx   /bin/busybox",
	} {
		if !strings.Contains(r.err, "tincan: "+want+"\n") {
			t.Errorf("--files lacks %q", want)
		}
	}
	if strings.Contains(r.err, "/link") || strings.Contains(r.err, "no/such") || t.Failed() {
		t.Errorf("%v", r)
	}
	profile := read(t, file)
	for _, want := range []string{
		"profile tincan-files flags=(attach_disconnected,mediate_deleted) {", "  /etc/mine r,", "  /etc/b?c r,", "  /data/* r,", "  /data/ r,", "  /tmp/** w,", "  /proc/[0-9]*/status{,/} r,",
		"  /bin/busybox rmix,", "  capability chown,", "  signal (send, receive) peer=tincan-files,",
	} {
		if !strings.Contains(profile, want+"\n") {
			t.Errorf("the profile lacks %q", want)
		}
	}
	if strings.Contains(profile, "/data/j") || t.Failed() {
		t.Error(profile)
	}
	out := filepath.Join(t.TempDir(), "compiled")
	if text, err := exec.Command(needProgram(t, "apparmor_parser"), "-Q", "-K", "-o", out, file).CombinedOutput(); err != nil {
		t.Errorf("apparmor_parser: %v\n%s%s", err, text, profile)
	}
}

// TestRecordPrograms checks that a call is attributed to the program that makes it, even if one of
// several threads has become another program.
func TestRecordPrograms(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	// The child of a shell is the shell until it calls execve.
	line := append([]string{"record", "--report", "-m", dir}, probe()[:2]...)
	if r := tincan(t, append(line, "--", "sh", "-c", "(cd /tmp; exec /probe sockets)")...); r.status != 0 || !strings.Contains(r.err[strings.Index(r.err, "/probe: "):], " 3  socket\n") {
		t.Errorf("%v", r)
	}
	limit := "--pids=200"
	if !hasGroup() {
		limit = "--rlimit=nproc=200"
	}
	for range 5 {
		r := tincan(t, append([]string{"record", "--report", limit, "-m", dir}, probe("threads", "/bin/busybox", "mkdir", "/tmp/d")...)...)
		_, first, _ := strings.Cut(r.err, "/bin/busybox: ")
		busybox, second, _ := strings.Cut(first, "/probe: ")
		programs := " 2 programs\n"
		if strings.Contains(r.err, "tincan: (ended): ") { // execve ended threads before record looked up their program
			programs = " 3 programs\n"
		}
		if r.status != 0 || !strings.Contains(busybox, " 1  mkdir") || strings.Contains(second, "mkdir") || strings.Contains(busybox, "getppid") || !strings.Contains(second, "getppid") || !strings.Contains(r.err, programs) {
			t.Fatalf("%v", r)
		}
	}
}

// build32 compiles a program for i386, without libraries, as the command 32 of a tree. The source
// can use sys, which makes a system call. The test is skipped where there are no such programs.
func build32(t *testing.T, tree, source string) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 has 32-bit programs")
	}
	const sys = `static int sys(int n, int a, int b, int c) {
	int r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}
`
	write(t, tree+"/32.c", sys+source)
	if out, err := exec.Command("gcc", "-m32", "-static", "-nostdlib", "-o", tree+"/bin/32", tree+"/32.c").CombinedOutput(); err != nil {
		skip(t, "a C compiler (apt-get install gcc): %v\n%s", err, out)
	}
}

// printsFile prints a file.
const printsFile = `void _start(void) {
	char b[64];
	int fd = sys(5, (int)"/etc/mine", 0, 0);
	sys(4, 1, (int)b, sys(3, fd, (int)b, 64));
	sys(1, 7, 0, 0);
}
`

// TestRecord32Bit checks that a 32-bit program is recorded under its own architecture.
func TestRecord32Bit(t *testing.T) {
	dir := tree(t)
	build32(t, dir, printsFile)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "p.json")
	if r := tincan(t, "-m", dir, "--seccomp=none", "--", "32"); r.status != 7 {
		skip(t, "a kernel with 32-bit calls (CONFIG_IA32_EMULATION): %v", r)
	}
	r := tincan(t, "record", "--report", "-o", file, "-m", dir, "--", "32")
	if r.status != 7 || r.out != "the user's own\n" || !strings.Contains(r.err, "1  x86 open\n") {
		t.Errorf("%v", r)
	}
	p := readProfile(t, file)
	if !slices.Equal(p.Architectures, []string{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}) || !p.allows("mmap2") {
		t.Errorf("%+v", p)
	}
	if r := tincan(t, "--seccomp="+file, "-m", dir, "--", "32"); r.status != 7 || r.out != "the user's own\n" {
		t.Errorf("under the profile: %v", r)
	}
	// Like all profiles of tincan, a recording of a 64-bit program ends 32-bit programs.
	record(t, file, "-m", dir, "--", "cat", "/etc/mine")
	if r := tincan(t, "--seccomp="+file, "-m", dir, "--", "32"); r.status != 128+int(unix.SIGSYS) {
		t.Errorf("under a profile without x86: %v", r)
	}
}

// TestRecordOnTerminal checks that new calls are shown on a terminal as they appear, but not while
// a program uses the terminal in raw mode.
func TestRecordOnTerminal(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	x := onTerminal(t, append([]string{tincanBin}, forUser([]string{"record", "-m", dir, "--", "sh", "-c", "sleep 0.6; stty raw -echo; mkdir /tmp/a; echo raw; sleep 0.6; echo no more; stty -raw; ln -s a /tmp/b; sleep 0.6"})...)...)
	x.expect(`tincan: \d+ calls so far, and new: .*execve`)
	x.expect(`raw\s+no more`)
	x.expect(`tincan: \d+ calls so far, and new: .*mkdir`)
	x.expect(`symlink`)
	x.expect(`\d+ distinct calls, \d+ total, 1 program`)
	for end := time.Now().Add(patience); x.c.ProcessState == nil && time.Now().Before(end); {
		x.c.Wait()
	}
}

// The system call filter in a real container: holes 1 to 8, profiles, and the report of refused
// calls. Tests in the root directory check the filter by itself.
package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// attacks builds the program of test/holes, and returns the flags that add it to a container.
func attacks(t *testing.T) []string {
	t.Helper()
	if built := os.Getenv("TINCAN_TEST_HOLES"); built != "" {
		return []string{"-a", built + ":/tmp/holes:ro"}
	}
	bin := filepath.Join(t.TempDir(), "holes")
	out, err := exec.Command("cc", "-static", "-O1", "-pthread", "-o", bin, filepath.Join("holes", "holes.c")).CombinedOutput()
	if err != nil {
		skip(t, "a C compiler and static C library (apt-get install gcc libc6-dev): %v\n%s", err, out)
	}
	return []string{"-a", bin + ":/tmp/holes:ro"}
}

// attackResults returns the result of each attack.
func attackResults(t *testing.T, r result) map[string]string {
	t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(r.out) {
		name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[name] = what
	}
	if r.status != 0 || len(got) < 40 {
		t.Fatalf("%d attacks: %v", len(got), r)
	}
	return got
}

// alsoByCapability are calls for which the container also lacks a capability. For these a test in
// the root directory, run as real root, shows that the filter refuses them.
const alsoByCapability = "fsmount move-mount swapon swapoff"

// TestHoles1To8 checks that the filter, and nothing else, refuses the attacks: each has another
// result with --seccomp=none. Ordinary calls must work with both.
func TestHoles1To8(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	flags := append([]string{"-m", dir}, attacks(t)...)
	with := attackResults(t, tincan(t, append(flags, "--", "/tmp/holes")...))
	without := attackResults(t, tincan(t, append(flags, "--seccomp=none", "--", "/tmp/holes")...))
	for _, h := range []struct{ names, refused string }{
		{"tiocsti tiocsti-high tioclinux tioclinux-high tiocsetd", "EPERM"},
		{"clone3-newuser openat2-suid", "ENOSYS"},
		{"clone-newuser clone-newuser-high unshare-newuser", "EPERM"},
		{"fchmod-suid fchmodat-suid fchmodat2-suid fchmodat2-sgid openat-suid openat-sgid mknodat-suid tmpfile-suid mq-suid", "EPERM"},
		{"io-uring-setup io-uring-enter", "EPERM"},
		{"fsconfig fsmount move-mount", "EPERM"},
		{"vsock vsock-high alg alg-high key swapon swapoff setns userfaultfd-device keyctl", "EPERM"},
	} {
		for name := range strings.FieldsSeq(h.names) {
			if with[name] != h.refused {
				t.Errorf("%s: %q, want %s", name, with[name], h.refused)
			}
			if without[name] == "" || without[name] == h.refused && !strings.Contains(alsoByCapability, name) {
				t.Errorf("%s: %q with --seccomp=none as well: the filter is not what refuses it", name, without[name])
			}
		}
	}
	if runtime.GOARCH == "amd64" {
		// Some virtual machines refuse all 32-bit calls with SIGSEGV, with and without a filter.
		if w := with["i386"]; w != "killed SIGSYS" && (w != "killed SIGSEGV" || without["i386"] != w) {
			t.Errorf("i386: %q with the filter, %q without", w, without["i386"])
		}
		if with["x32"] != "killed SIGSYS" || without["x32"] == "killed SIGSYS" {
			t.Errorf("x32: %q with the filter, %q without", with["x32"], without["x32"])
		}
	}
	for name := range strings.FieldsSeq("tiocgwinsz fionread fioasync thread unix inet netlink") {
		if with[name] != "ok" || without[name] != "ok" {
			t.Errorf("%s: %q with the filter, %q without", name, with[name], without[name])
		}
	}
	for name, what := range with {
		if strings.HasPrefix(what, "made 4") || strings.HasPrefix(what, "made 2") || strings.HasPrefix(what, "made 6") {
			t.Errorf("%s: a set-id file: %s", name, what)
		}
	}
}

// TestSeccompLog checks the report at the end, and that --seccomp-log changes no result.
func TestSeccompLog(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	flags := append([]string{"-m", dir}, attacks(t)...)
	plain := attackResults(t, tincan(t, append(flags, "--", "/tmp/holes")...))
	for _, init := range []string{"--init", "--no-init"} {
		r := tincan(t, append(flags, init, "--seccomp-log", "--", "/tmp/holes")...)
		for name, what := range attackResults(t, r) {
			if plain[name] != what {
				t.Errorf("%s: %s: %q with the log, %q without", init, name, what, plain[name])
			}
		}
		if want := "tincan: seccomp: openat2 refused to /tmp/holes once, with ERRNO(38 ENOSYS)\n"; !strings.Contains(r.err, want) {
			t.Errorf("%s: the report lacks %q:\n%s", init, want, r.err)
		}
	}
	if r := tincan(t, "-m", dir, "--seccomp-log", "--", "true"); r.status != 0 || r.err != "tincan: seccomp: the filter did not refuse any call\n" {
		t.Errorf("a command without refused calls: %v", r)
	}
	if r := tincan(t, "-m", dir, "--seccomp-log", "--", "/nosuch"); r.status != 127 || r.out != "" {
		t.Errorf("a command that does not exist: %v", r)
	}
}

// TestSeccompAround checks that the error names the filter if tincan runs under its own default
// filter.
func TestSeccompAround(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	r := tincan(t, "-m", dir, "-a", tincanBin+":/tincan:ro", "--", "/tincan", "--no-cgroup", "--", "true")
	refused(t, r, "clone3(", "ENOSYS", "tincan runs under a seccomp filter")
}

// TestCompiledFilter checks that a compiled filter is used as it is: Docker's profile, compiled,
// refuses what it refuses as JSON. A filter for another processor, or one that is cut short, is an
// error.
func TestCompiledFilter(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "moby.bpf")
	profile := filepath.Join(profileDir(), "moby-default.json")
	if r := tincan(t, "seccomp", "compile", profile, "-o", file); r.status != 0 {
		t.Fatal(r)
	}
	for _, filter := range []string{profile, file} {
		r := tincan(t, "-m", dir, "--seccomp="+filter, "--", "sh", "-c", "unshare -U true; echo $? $(grep Seccomp: /proc/self/status)")
		if r.status != 0 || !strings.HasSuffix(r.out, "1 Seccomp: 2\n") {
			t.Errorf("%s: %v", filter, r)
		}
	}
	for _, flag := range []string{"--seccomp-log", "--seccomp-strict-ints"} {
		refused(t, tincan(t, "-m", dir, "--seccomp="+file, flag, "--", "echo", "ran"), file, "a compiled filter")
	}
	other := filepath.Join(t.TempDir(), "other.bpf")
	arch := "riscv64"
	if runtime.GOARCH == arch {
		arch = "arm64"
	}
	if r := tincan(t, "seccomp", "compile", "default", "--arch="+arch, "-o", other); r.status != 0 {
		t.Fatal(r)
	}
	refused(t, tincan(t, "-m", dir, "--seccomp="+other, "--", "echo", "ran"), other, "another processor", "--arch")
	if err := os.Truncate(file, 100); err != nil {
		t.Fatal(err)
	}
	refused(t, tincan(t, "-m", dir, "--seccomp="+file, "--", "echo", "ran"), file, "its size of 100 bytes is wrong")
}

// profileDir returns the directory of the profiles. It differs in a virtual machine, which has no
// source, and for a user who may not read the source.
func profileDir() string {
	if dir := os.Getenv("TINCAN_TEST_PROFILES"); dir != "" {
		return dir
	}
	return filepath.Join("..", "testdata", "profiles")
}

// TestSeccompProfiles checks that ordinary programs run under Docker's and podman's profiles, and
// that an error in a profile names its place, and nothing runs.
func TestSeccompProfiles(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, name := range []string{"moby-default.json", "podman-seccomp.json"} {
		r := tincan(t, "-m", dir, "--seccomp="+filepath.Join(profileDir(), name), "--", "sh", "-c", "echo $(echo works | cat)")
		if r.status != 0 || r.out != "works\n" {
			t.Errorf("%s: %v", name, r)
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	for text, want := range map[string]string{
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQUAL"}]}]}`: `syscalls[0].args[0].op: "SCMP_CMP_EQUAL"`,
		`{"defaultAction":"SCMP_ACT_NOTIFY"}`: "not supported",
		`{"defaultAction":`:                   "bad.json",
	} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := tincan(t, "-m", dir, "--seccomp="+bad, "--", "echo", "ran")
		if r.status != 125 || r.out != "" || !strings.HasPrefix(r.err, "tincan: --seccomp="+bad+": ") || !strings.Contains(r.err, want) {
			t.Errorf("%s: %v, want %s", text, r, want)
		}
	}
}

// Commands under a filter on the running kernel: the test binary starts itself, attaches the
// filter, and executes the command.

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachTime is a prefix of the command. With it, the child prints how many nanoseconds the kernel
// needed to attach the filter, and does not run the command.
const attachTime = "attach-time:"

const filterEnv = "TINCAN_TEST_FILTER"

// TINCAN_TEST_FILTER, in the child, holds the filter's file and the flags for seccomp(2). If the
// flags ask for a listener, the child writes the listener's number to descriptor 3 and waits for a
// byte on descriptor 4.
func init() {
	file, flags, found := strings.Cut(os.Getenv(filterEnv), "|")
	if !found {
		return
	}
	os.Unsetenv(filterEnv)
	fmt.Fprintln(os.Stderr, "filtered:", takeFilter(file, flags))
	os.Exit(99)
}

// takeFilter attaches the filter in a file to this process and executes the command.
func takeFilter(file, flags string) error {
	runtime.LockOSThread()
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	path, err := exec.LookPath(strings.TrimPrefix(os.Args[1], attachTime))
	if err != nil {
		return err
	}
	fl, err := strconv.Atoi(flags)
	if err != nil {
		return err
	}
	prog := make([]unix.SockFilter, len(raw)/8)
	copy(rawFilter(prog), raw)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	start := time.Now()
	fd, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(fl), uintptr(unsafe.Pointer(&fprog)))
	if e != 0 {
		return fmt.Errorf("seccomp(SECCOMP_SET_MODE_FILTER, %d, ...) = %w", fl, e)
	}
	if strings.HasPrefix(os.Args[1], attachTime) {
		fmt.Println(time.Since(start).Nanoseconds())
		os.Exit(0)
	}
	if fl&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0 {
		b := []byte(strconv.Itoa(int(fd)) + "\n")
		unix.Write(3, b)
		unix.Read(4, b)
	}
	return unix.Exec(path, os.Args[1:], os.Environ())
}

// filtered returns a command that runs under a policy, or without a filter if the policy is nil.
func filtered(t testing.TB, p *policy, args ...string) *exec.Cmd {
	t.Helper()
	if p == nil {
		return exec.Command(args[0], args[1:]...)
	}
	prog, err := p.compile()
	if err != nil {
		t.Fatal(err)
	}
	return underFilter(t, prog, p.flags, args...)
}

// underFilter returns a command that runs under a filter.
func underFilter(t testing.TB, prog []unix.SockFilter, flags uint, args ...string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "filter")
	if err := os.WriteFile(file, rawFilter(prog), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d", filterEnv, file, flags))
	return cmd
}

// buildAttacks builds test/holes/holes.c, the program that tries the attacks, and returns its name.
func buildAttacks(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "holes")
	out, err := exec.Command("cc", "-static", "-O1", "-pthread", "-o", bin, filepath.Join("test", "holes", "holes.c")).CombinedOutput()
	if err != nil {
		missing(t, "there is no C compiler or no static C library (apt-get install gcc libc6-dev): %v\n%s", err, out)
	}
	return bin
}

// runAttacks runs the attacks under a policy, and returns the result of each.
func runAttacks(t testing.TB, bin string, p *policy) map[string]string {
	t.Helper()
	var errs bytes.Buffer
	cmd := filtered(t, p, bin)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs.String())
	}
	results := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		results[name] = result
	}
	return results
}

// holeResults has the result of each attack under the default filter and, for root, without a
// filter. The second shows that the attack would work. "!" stands for any result but the filter's:
// the kernel saw the call.
var holeResults = []struct {
	hole          int
	name          string
	with, without string
}{
	{1, "tiocsti", "EPERM", "ok"}, {1, "tiocsti-high", "EPERM", "ok"},
	{1, "tiocgwinsz", "ok", "ok"}, {1, "fionread", "ok", "ok"}, {1, "fioasync", "ok", "ok"},
	{2, "tioclinux", "EPERM", "EBADF"}, {2, "tioclinux-high", "EPERM", "EBADF"}, {2, "tiocsetd", "EPERM", "EBADF"},
	{3, "clone3-newuser", "ENOSYS", "ok"}, {3, "clone-newuser", "EPERM", "ok"}, {3, "clone-newuser-high", "EPERM", "ok"},
	{3, "unshare-newuser", "EPERM", "ok"}, {3, "thread", "ok", "ok"},
	{4, "i386", "killed SIGSYS", "!"}, {4, "x32", "killed SIGSYS", "!"},
	{5, "chmod-suid", "EPERM", "made 4755"}, {5, "chmod-sgid", "EPERM", "made 2755"}, {5, "chmod-suid-high", "EPERM", "made 4755"},
	{5, "creat-suid", "EPERM", "made 4755"}, {5, "open-suid", "EPERM", "made 4755"}, {5, "open-sgid", "EPERM", "made 2755"},
	{5, "open-high", "EPERM", "made 4755"}, {5, "mknod-suid", "EPERM", "made 4755"}, {5, "open-garbage-mode", "ok", "ok"},
	{5, "fchmod-suid", "EPERM", "made 4755"}, {5, "fchmodat-suid", "EPERM", "made 4755"},
	{5, "fchmodat2-suid", "EPERM", "made 4755"}, {5, "fchmodat2-sgid", "EPERM", "made 2755"},
	{5, "openat-suid", "EPERM", "made 4755"}, {5, "openat-sgid", "EPERM", "made 2755"}, {5, "openat-plain", "made 755", "made 755"},
	{5, "mknodat-suid", "EPERM", "made 4755"}, {5, "openat2-suid", "ENOSYS", "made 4755"}, {5, "tmpfile-suid", "EPERM", "made 4755"},
	{5, "mkdir-suid", "made 755", "made 755"}, {5, "mq-suid", "EPERM", "made 4600"},
	{6, "io-uring-openat", "EPERM", "made 4755"}, {6, "io-uring-setup", "EPERM", "ok"}, {6, "io-uring-enter", "EPERM", "EBADF"},
	{6, "io-uring-register", "EPERM", "!"},
	{7, "fsopen", "EPERM", "ok"}, {7, "fsconfig", "EPERM", "!"}, {7, "fsmount", "EPERM", "EBADF"}, {7, "fspick", "EPERM", "EBADF"},
	{7, "open-tree", "EPERM", "ok"}, {7, "move-mount", "EPERM", "!"}, {7, "mount-setattr", "EPERM", "!"},
	{7, "open-tree-attr", "EPERM", "!"}, {7, "mount", "EPERM", "ENOENT"},
	{8, "vsock", "EPERM", "!"}, {8, "vsock-high", "EPERM", "!"}, {8, "alg", "EPERM", "!"}, {8, "alg-high", "EPERM", "!"}, {8, "key", "EPERM", "!"},
	{8, "unix", "ok", "ok"}, {8, "inet", "ok", "ok"}, {8, "netlink", "ok", "ok"},
	{8, "bpf", "EPERM", "!"}, {8, "kexec-load", "EPERM", "!"}, {8, "kexec-file-load", "EPERM", "!"},
	{8, "init-module", "EPERM", "!"}, {8, "finit-module", "EPERM", "!"}, {8, "delete-module", "EPERM", "!"},
	{8, "reboot", "EPERM", "EINVAL"}, {8, "swapon", "EPERM", "EFAULT"}, {8, "swapoff", "EPERM", "EFAULT"}, {8, "setns", "EPERM", "EBADF"},
	{8, "userfaultfd", "EPERM", "ok"}, {8, "userfaultfd-device", "EPERM", "EBADF"}, {8, "set-mempolicy-home-node", "EPERM", "!"},
	{31, "usersock", "EPERM", "ok"}, {31, "usersock-high", "EPERM", "ok"}, {37, "kernel-log", "EPERM", "ok"},
	{8, "keyctl", "EPERM", "!"}, {8, "perf-event-open", "EPERM", "!"},
}

// TestHoles tries every attack, with the default filter and without a filter.
func TestHoles(t *testing.T) {
	bin := buildAttacks(t)
	p, _, err := seccompPolicy("default", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	with := runAttacks(t, bin, p)
	var without map[string]string
	if os.Geteuid() == 0 {
		without = runAttacks(t, bin, nil)
	} else {
		t.Log("not root: the attacks are tried only with the filter")
	}
	for _, h := range holeResults {
		if runtime.GOARCH != "amd64" && with[h.name] == "" {
			continue // an attack by a call that only amd64 has
		}
		if h.name == "i386" && noI386(t, without[h.name]) {
			h.with, h.without = "killed SIGSEGV", "killed SIGSEGV"
		}
		if with[h.name] != h.with {
			t.Errorf("hole %d, %s: %q under the default filter, want %q", h.hole, h.name, with[h.name], h.with)
		}
		if got := without[h.name]; without != nil && got != h.without && (h.without != "!" || got == h.with || got == "") {
			t.Errorf("hole %d, %s: %q without a filter, want %q", h.hole, h.name, got, h.without)
		}
	}
	if len(with) < 60 {
		t.Errorf("only %d attacks ran", len(with))
	}
}

// noI386 reports whether this machine itself refuses 32-bit calls, as some virtual machines do. The
// argument is the result of such a call without a filter. On such a machine this test cannot show
// that the filter refuses the call; test/vm has a machine where it can.
func noI386(t *testing.T, without string) bool {
	t.Helper()
	if without == "killed SIGSEGV" {
		t.Log("this machine refuses 32-bit calls (int 0x80), with and without a filter")
		return true
	}
	return false
}

// TestTutorialFaults shows the faults of the list as published, which `default` repairs.
func TestTutorialFaults(t *testing.T) {
	bin := buildAttacks(t)
	p, _, err := seccompPolicy("tutorial", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	got := runAttacks(t, bin, p)
	if os.Geteuid() == 0 && noI386(t, runAttacks(t, bin, nil)["i386"]) {
		got["i386"] = "killed SIGSYS"
	}
	for name, want := range map[string]string{
		"tiocsti": "EPERM", "tiocgwinsz": "EPERM", "fionread": "EPERM", "clone-newuser": "EPERM", "unshare-newuser": "EPERM",
		"chmod-suid": "EPERM", "fchmodat-suid": "EPERM", "keyctl": "EPERM", "i386": "killed SIGSYS",
		"openat-suid": "made 4755", "mknodat-suid": "made 4755", "thread": "ok",
	} {
		if runtime.GOARCH == "amd64" && got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if got["clone3-newuser"] == "ENOSYS" || got["clone3-newuser"] == "" {
		t.Errorf("clone3-newuser: %q", got["clone3-newuser"])
	}
}

// TestRefusalLog checks that --seccomp-log reports the refused calls, and changes no result.
func TestRefusalLog(t *testing.T) {
	bin := buildAttacks(t)
	p, _, err := seccompPolicy("default", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	plain := runAttacks(t, bin, p)

	q := p.notifying()
	cmd := filtered(t, q, bin)
	r3, w3, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r4, w4, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	pidfd := -1
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{w3, r4}, &out, &errs
	cmd.SysProcAttr = &unix.SysProcAttr{PidFD: &pidfd}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w3.Close()
	r4.Close()
	var number int
	if _, err := fmt.Fscan(r3, &number); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	fd, err := fetchListener(pidfd, number)
	if err != nil {
		t.Fatal(err)
	}
	w4.Close() // lets the child go on
	report, err := serveRefusals(fd, q)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	noted := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		noted[name] = result
	}
	for name, want := range plain {
		if noted[name] != want {
			t.Errorf("%s: %q with the log, %q without", name, noted[name], want)
		}
	}
	text := strings.Join(refusalReport(report), "\n")
	t.Log("\n" + text)
	for _, want := range []string{
		"seccomp: chmod refused to " + bin + " 3 times, with ERRNO(1 EPERM)",
		"seccomp: openat2 refused to " + bin + " once, with ERRNO(38 ENOSYS)",
	} {
		if runtime.GOARCH == "amd64" && !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(text, "ALLOW") {
		t.Error("the report has a call that was not refused")
	}
}

// TestRefusalLogAbandoned checks that the filter still refuses calls without its listener: the
// kernel returns ENOSYS.
func TestRefusalLogAbandoned(t *testing.T) {
	bin := buildAttacks(t)
	p, _, err := seccompPolicy("default", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	q := p.notifying()
	cmd := filtered(t, q, bin, "fsopen", "vsock", "openat-suid", "openat-plain", "i386")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{sink, null}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fsopen ENOSYS\n", "vsock ENOSYS\n", "openat-suid ENOSYS\n", "openat-plain made 755\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
}

// fetchListener takes a copy of the listener of a child: pidfd_getfd(2) "requires
// PTRACE_MODE_ATTACH_REALCREDS", which a parent has over its child as long as the child is dumpable
// or lives in a user namespace that the parent made. The child must not have called execve, because
// that closes the listener.
func fetchListener(pidfd, fd int) (int, error) {
	n, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd_getfd(%d, %d, 0) = %w", pidfd, fd, err)
	}
	return n, nil
}

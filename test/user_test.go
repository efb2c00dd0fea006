// The same tests again, run by an ordinary user: with one id, and with ranges.
package test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// asUser is "" for root, "single" or "ranges" for the user that again makes, or that runs the tests.
var asUser = os.Getenv("TINCAN_TEST_AS")

// The user is nobody's: the number is in no /etc/passwd but the one that the tests
// see, nor are the ids granted to it in another /etc/subuid.
const (
	testUser    = 23456
	grantedFrom = 700000
)

func TestAsUser(t *testing.T)       { again(t, "single") }
func TestAsUserRanges(t *testing.T) { again(t, "ranges") }

// again runs this test binary's other tests as the user. TINCAN_TEST_RUN=PATTERN
// chooses some of them, TINCAN_TEST_SKIP=PATTERN leaves some out.
func again(t *testing.T, as string) {
	needRoot(t)
	if as == "ranges" {
		needProgram(t, "newuidmap")
	}
	before, group := becomeUser(t, as), ""
	if onV2() {
		group = delegatedGroup(t)
		mkdir(t, group+"/tests") // limits are for groups beside that of the test binary
		os.Chown(group+"/tests", testUser, testUser)
		os.Chown(group+"/tests/cgroup.procs", testUser, testUser)
		enable(t, group)
		before = startedIn(before, group+"/tests")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(filepath.Dir(tincanBin), "tests") // where everybody may execute it
	copyFile(t, self, bin)
	profiles := filepath.Join(filepath.Dir(tincanBin), "profiles-"+as) // where everybody may read them
	if err := os.CopyFS(profiles, os.DirFS(profileDir())); err != nil {
		t.Fatal(err)
	}
	without := "^TestAsUser|^TestUser"
	if more := os.Getenv("TINCAN_TEST_SKIP"); more != "" {
		without += "|" + more
	}
	line := append(before, bin, "-test.v", "-test.short", "-test.timeout=15m", "-test.skip="+without, "-test.run="+os.Getenv("TINCAN_TEST_RUN"))
	c := exec.Command(line[0], line[1:]...)
	c.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "HOME=") || strings.HasPrefix(e, "XDG_") })
	c.Env = append(c.Env, "TINCAN_TEST_AS="+as, "TINCAN_TEST_BIN="+tincanBin, "TINCAN_TEST_PROBE="+probeBin, "TINCAN_TEST_GROUP="+group, "TINCAN_TEST_PROFILES="+profiles, "HOME=/")
	out, err := c.CombinedOutput()
	ended := eachTest(t, string(out))
	if ended == 0 || err != nil && !t.Failed() {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%d tests as user %d (%s)", ended, testUser, as)
}

var verdict = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)

// eachTest makes each test of the output one here, with its verdict and its words.
func eachTest(t *testing.T, out string) (ended int) {
	t.Helper()
	var words bytes.Buffer
	end := func(line string) {
		m := verdict.FindStringSubmatch(line)
		if m == nil {
			fmt.Fprintln(&words, line)
			return
		}
		text := words.String()
		words.Reset()
		ended++
		t.Run(m[2], func(t *testing.T) {
			switch m[1] {
			case "FAIL":
				t.Error("\n" + text)
			case "SKIP":
				t.Skip(reasonOf(text))
			}
		})
	}
	s := bufio.NewScanner(strings.NewReader(out))
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		if !strings.HasPrefix(s.Text(), "=== ") {
			end(s.Text())
		}
	}
	return ended
}

func reasonOf(text string) string {
	_, reason, _ := strings.Cut(strings.TrimSpace(text), "_test.go:")
	_, reason, _ = strings.Cut(reason, ": ")
	return reason
}

// becomeUser is a command that runs another as the user, who in a mount namespace of
// its own has a name and, with "ranges", ids granted.
func becomeUser(t *testing.T, as string) []string {
	t.Helper()
	needProgram(t, "setpriv")
	dir := t.TempDir()
	os.Chmod(filepath.Dir(dir), 0o755)
	os.Chmod(dir, 0o755)
	passwd, _ := os.ReadFile("/etc/passwd")
	write(t, dir+"/passwd", string(passwd)+fmt.Sprintf("tincantest:x:%d:%d::/nonexistent:/bin/sh\n", testUser, testUser))
	grant := ""
	if as == "ranges" {
		grant = fmt.Sprintf("tincantest:%d:1000\n%d:%d:65536\n", grantedFrom, testUser, grantedFrom+2000)
	}
	script := ""
	for _, f := range []string{"subuid", "subgid"} {
		write(t, dir+"/"+f, grant)
		script += fmt.Sprintf("test -e /etc/%[1]s || : >/etc/%[1]s; ", f)
	}
	for _, f := range []string{"passwd", "subuid", "subgid"} {
		script += fmt.Sprintf("mount --bind %s/%s /etc/%s; ", dir, f, f)
	}
	script += fmt.Sprintf(`exec setpriv --reuid=%d --regid=%d --clear-groups "$0" "$@"`, testUser, testUser)
	return []string{"unshare", "-m", "--propagation", "private", "sh", "-ec", script}
}

// delegatedGroup is a group of version 2 that is the user's, as systemd's Delegate=yes
// makes one.
func delegatedGroup(t *testing.T) string {
	t.Helper()
	const top = "/sys/fs/cgroup"
	enable(t, top)
	dir := filepath.Join(top, uniqueName())
	mkdir(t, dir)
	t.Cleanup(func() {
		eventually(t, "the delegated group is empty", func() bool {
			os.Remove(dir + "/tests")
			return os.Remove(dir) == nil || !exists(dir)
		})
	})
	for _, f := range []string{"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"} {
		if err := os.Chown(dir+f, testUser, testUser); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// enable gives the controllers that there are to the groups below.
func enable(t *testing.T, dir string) {
	t.Helper()
	for c := range strings.FieldsSeq(read(t, dir+"/cgroup.controllers")) {
		if slices.Contains([]string{"memory", "pids", "cpu", "io"}, c) {
			write(t, dir+"/cgroup.subtree_control", "+"+c)
		}
	}
}

// startedIn has the command begin in the group.
func startedIn(before []string, group string) []string {
	out := slices.Clone(before)
	last := len(out) - 1
	out[last] = strings.Replace(out[last], "exec setpriv", "echo 0 >"+group+"/cgroup.procs; exec setpriv", 1)
	return out
}

// grantedMap is the map of a user to whom /etc/subuid grants ids, from inside: the own id
// as 0, and after it what is granted, in order.
func grantedMap(t *testing.T) [][3]int {
	t.Helper()
	self, err := osuser.Current()
	if err != nil {
		t.Fatal(err)
	}
	grants, _ := os.ReadFile("/etc/subuid")
	ids, next := [][3]int{{0, 0, 1}}, 1
	for _, m := range regexp.MustCompile(`(?m)^([^:]+):\d+:(\d+)$`).FindAllStringSubmatch(string(grants), -1) {
		if count, _ := strconv.Atoi(m[2]); m[1] == self.Username || m[1] == self.Uid {
			ids = append(ids, [3]int{next, next, count})
			next += count
		}
	}
	return ids
}

// idMapText is a map as the kernel shows it in /proc/PID/uid_map: inside, outside, count.
func idMapText(ids [][3]int) string {
	var lines []string
	for _, r := range ids {
		lines = append(lines, fmt.Sprintf("%10d %10d %10d", r[0], r[1], r[2]))
	}
	return strings.Join(lines, "\n")
}

// notForUsers skips what cannot apply to an ordinary user, and says why.
func notForUsers(t *testing.T, format string, a ...any) {
	t.Helper()
	if asUser != "" {
		t.Skipf("not for an ordinary user: "+format, a...)
	}
}

// notForRanges skips what cannot apply to a user whose ids newuidmap maps.
func notForRanges(t *testing.T, format string, a ...any) {
	t.Helper()
	if asUser == "ranges" {
		notForUsers(t, format, a...)
	}
}

// needGroup skips where tincan has no resource group.
func needGroup(t *testing.T) {
	t.Helper()
	if !hasGroup() {
		notForUsers(t, "no resource group here that is delegated")
	}
}

// hasGroup: root has one everywhere, a user where TINCAN_TEST_GROUP says so.
func hasGroup() bool { return asUser == "" || os.Getenv("TINCAN_TEST_GROUP") != "" }

// forUser adds to a command line what makes the default limits no matter where a user
// has none: the line on standard error about it has a test of its own.
func forUser(args []string) []string {
	if hasGroup() || slices.Contains(args, "--no-cgroup") {
		return args
	}
	at := 0
	if len(args) > 0 {
		switch args[0] {
		case "seccomp", "check", "initramfs", "init", "help", "version", "--version", "--help":
			return args
		case "run", "plan", "record":
			at = 1
		}
	}
	return slices.Insert(slices.Clone(args), at, "--no-cgroup")
}

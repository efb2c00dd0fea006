// Runs the other tests as an ordinary user, once with a single id and once with ranges.
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

// asUser is "" for root, and "single" or "ranges" for the user that again makes, or the user who
// runs the tests.
var asUser = os.Getenv("TINCAN_TEST_AS")

// testUser is a user who exists only in the /etc/passwd that the tests see. The ids from
// grantedFrom on are granted in the /etc/subuid that the tests see.
const (
	testUser    = 23456
	grantedFrom = 700000
)

// TestAsUser runs the other tests as a user with a single id.
func TestAsUser(t *testing.T) { again(t, "single") }

// TestAsUserRanges runs the other tests as a user with ranges of ids.
func TestAsUserRanges(t *testing.T) { again(t, "ranges") }

// again runs this program's other tests as the user. TINCAN_TEST_RUN=PATTERN selects some of them,
// TINCAN_TEST_SKIP=PATTERN leaves some out.
func again(t *testing.T, as string) {
	needRoot(t)
	if as == "ranges" {
		needProgram(t, "newuidmap")
	}
	before, group := becomeUser(t, as), ""
	if onV2() {
		group = delegatedGroup(t)
		mkdir(t, group+"/tests") // containers get groups beside this one, which is for the tests themselves
		os.Chown(group+"/tests", testUser, testUser)
		os.Chown(group+"/tests/cgroup.procs", testUser, testUser)
		enable(t, group)
		before = startedIn(before, group+"/tests")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(filepath.Dir(tincanBin), "tests") // where every user may execute it
	copyFile(t, self, bin)
	profiles := filepath.Join(filepath.Dir(tincanBin), "profiles-"+as) // where every user may read them
	if err := os.CopyFS(profiles, os.DirFS(profileDir())); err != nil {
		t.Fatal(err)
	}
	without := "^TestAsUser|^TestUser"
	if as == "ranges" { // the mounts, and so their races, are those of a user with one id
		without += "|Hole2[345]|OpenFiles"
	}
	if more := os.Getenv("TINCAN_TEST_SKIP"); more != "" {
		without += "|" + more
	}
	line := append(before, bin, "-test.v", "-test.short", "-test.timeout=15m", "-test.skip="+without, "-test.run="+os.Getenv("TINCAN_TEST_RUN"))
	c := exec.Command(line[0], line[1:]...)
	c.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "HOME=") || strings.HasPrefix(e, "XDG_") })
	c.Env = append(c.Env, "TINCAN_TEST_AS="+as, "TINCAN_TEST_BIN="+tincanBin, "TINCAN_TEST_PROBE="+probeBin, "TINCAN_TEST_GROUP="+group, "TINCAN_TEST_PROFILES="+profiles, "HOME=/")
	if as == "single" {
		c.Env = append(c.Env, fmt.Sprint("TINCAN_TEST_RACES=", races())) // in spite of -short
	}
	out, err := c.CombinedOutput()
	ended := eachTest(t, string(out))
	if ended == 0 || err != nil && !t.Failed() {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%d tests as user %d (%s)", ended, testUser, as)
}

// verdict matches the line in which a test's result is reported.
var verdict = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)

// eachTest makes a subtest of each test in the output, with the same result and messages.
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

// reasonOf returns the reason in the output of a skipped test.
func reasonOf(text string) string {
	_, reason, _ := strings.Cut(strings.TrimSpace(text), "_test.go:")
	_, reason, _ = strings.Cut(reason, ": ")
	return reason
}

// becomeUser returns a command that runs another one as the user. In its own mount namespace, the
// user has a name and, with "ranges", granted ids.
func becomeUser(t *testing.T, as string) []string {
	t.Helper()
	needProgram(t, "setpriv")
	dir := publicDir(t, 0o755)
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

// delegatedGroup makes a group of version 2 that belongs to the user, as systemd's Delegate=yes
// does.
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

// enable enables the controllers that a group has for its subgroups.
func enable(t *testing.T, dir string) {
	t.Helper()
	for c := range strings.FieldsSeq(read(t, dir+"/cgroup.controllers")) {
		if slices.Contains([]string{"memory", "pids", "cpu", "io"}, c) {
			write(t, dir+"/cgroup.subtree_control", "+"+c)
		}
	}
}

// startedIn changes the command so that it begins in the group.
func startedIn(before []string, group string) []string {
	out := slices.Clone(before)
	last := len(out) - 1
	out[last] = strings.Replace(out[last], "exec setpriv", "echo 0 >"+group+"/cgroup.procs; exec setpriv", 1)
	return out
}

// grantedMap returns the map, as seen from inside, of a user to whom /etc/subuid grants ids: the
// user's own id as 0, and after it the granted ids, in order.
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

// idMapText returns a map as the kernel shows it in /proc/PID/uid_map: inside, outside, count.
func idMapText(ids [][3]int) string {
	var lines []string
	for _, r := range ids {
		lines = append(lines, fmt.Sprintf("%10d %10d %10d", r[0], r[1], r[2]))
	}
	return strings.Join(lines, "\n")
}

// notForUsers skips a test that does not apply to ordinary users, with the reason.
func notForUsers(t *testing.T, format string, a ...any) {
	t.Helper()
	if asUser != "" {
		t.Skipf("not for an ordinary user: "+format, a...)
	}
}

// notForRanges skips a test that does not apply to users whose ids newuidmap maps, with the reason.
func notForRanges(t *testing.T, format string, a ...any) {
	t.Helper()
	if asUser == "ranges" {
		notForUsers(t, format, a...)
	}
}

// needGroup skips the test if tincan has no resource group.
func needGroup(t *testing.T) {
	t.Helper()
	if !hasGroup() {
		notForUsers(t, "this user has no delegated resource group")
	}
}

// hasGroup reports whether tincan has a resource group: root always has one, a user if
// TINCAN_TEST_GROUP names it.
func hasGroup() bool { return asUser == "" || os.Getenv("TINCAN_TEST_GROUP") != "" }

// forUser adds --no-cgroup to a command line for a user without a resource group, because tincan
// would write a note about that to standard error. TestUserLimits checks that note.
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

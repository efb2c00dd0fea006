// No path is resolved twice: the system calls of a run, as strace sees them.
package test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// byName lists the calls that may name a path of the root directory, or of what is added, with the
// reason. All other calls use descriptors that were opened once.
var byName = []struct{ call, why string }{
	{`^openat\(AT_FDCWD, "NAME", O_RDONLY\|O_CLOEXEC\|O_PATH\)`, "the launcher opens it once, and looks at the descriptor"},
	{`^openat2\(AT_FDCWD, "(\.\.)?NAME", \{flags=O_RDONLY\|O_CLOEXEC\|O_PATH, resolve=RESOLVE_NO_SYMLINKS\}`, "the container's process opens it once, in its own mount namespace"},
	{`^readlinkat\(AT_FDCWD, "/proc/self/fd/\d+", "NAME"`, "the name is in the kernel's answer; it is not resolved"},
	{`^execve\("`, "the command lines of the launcher and of the command"},
	{`^(read|write|pread64|pwrite64)\(`, "the name is in a text: mountinfo, notes"},
}

// insideByName matches the calls of the container's process that name a place in the root after the
// pivot. mountverify.go then checks where the mounts are, and nothing runs if one is elsewhere.
var insideByName = regexp.MustCompile(`^(mount\((NULL|"(tmpfs|proc|sysfs|cgroup|cgroup2|devpts|mqueue|/dev/null|\.\./(dev|sys/fs/cgroup)/[a-z/._]+|/proc/[a-z-]+|/proc/tty/ldisc)"), "/(tmp|dev|sys|proc)|mount\(NULL, "/"|mkdirat\(AT_FDCWD, "/(dev|sys)/|mknodat\(AT_FDCWD, "/(dev|sys)/|symlinkat\("[^"]*", AT_FDCWD, "(\.\./proc|/dev|/sys)/|mount_setattr\(AT_FDCWD, "/(dev|proc|sys)|open_tree\(AT_FDCWD, "\.\./proc|pivot_root\("\."|chdir\("/"\)|umount2\("\.\."|execve\()`)

// TestNothingIsNamedTwice runs tincan under strace(1). No call may resolve the name of a path that
// others can change, except those above.
func TestNothingIsNamedTwice(t *testing.T) {
	notForRanges(t, "newuidmap, which is a set-user-ID program, does not work under a user's strace")
	strace := needProgram(t, "strace")
	dir := tree(t)
	for _, d := range []string{"proc", "sys", "dev", "tmp", "d"} {
		mkdir(t, filepath.Join(dir, d))
	}
	data := filepath.Join(t.TempDir(), "data")
	mkdir(t, data)
	noLeaks(t, dir)
	file := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-ff", "-s", "4096", "-o", file, tincanBin}, forUser([]string{"-m", dir, "-a", data + ":/d:ro", "--", "/bin/true"})...)
	if out, err := exec.Command(strace, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	named := map[string]int{}
	inContainer := false
	traces, _ := filepath.Glob(file + ".*") // one for each thread, so that no call is shown in two parts
	all := ""
	for _, f := range traces {
		all += "\n" + read(t, f)
	}
	for l := range strings.Lines(all) {
		call := strings.TrimSpace(l)
		if call == "" { // the next thread's trace begins
			inContainer = false
		}
		if strings.HasPrefix(call, "setpgid(0, 0)") || strings.HasPrefix(call, "setsid(") || strings.HasPrefix(call, "pivot_root(") {
			inContainer = true
		}
		for _, name := range []string{dir, data} {
			if !strings.Contains(call, name) {
				continue
			}
			allowed := false
			for _, b := range byName {
				if regexp.MustCompile(strings.ReplaceAll(b.call, "NAME", regexp.QuoteMeta(name))).MatchString(call) {
					allowed = true
					named[b.why+" "+name]++
				}
			}
			if !allowed {
				t.Errorf("this call names a path: %s", call)
			}
		}
		// Absolute names in the calls of the container's process.
		if inContainer && regexp.MustCompile(`^(mount|mkdirat|mknodat|symlinkat|mount_setattr|move_mount|open_tree|chdir|chroot|unlinkat)\(`).MatchString(call) &&
			strings.Contains(call, `"/`) && !strings.Contains(call, "unfinished") && !insideByName.MatchString(call) && !strings.HasPrefix(call, "unlinkat(AT_FDCWD, \"/sys/fs/cgroup/") {
			t.Errorf("after the pivot this call names a path: %s", call)
		}
	}
	for what, n := range named {
		if n > 1 && strings.Contains(what, "once") {
			t.Errorf("this happened %d times: %s", n, what)
		}
	}
	if len(named) < 4 {
		t.Errorf("found only %v: the test does not understand the trace", named)
	}
}

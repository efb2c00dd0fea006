package test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// byName are the calls that may name a path of the root directory or of what is added, with
// the reason. All others go by descriptors that were opened once.
var byName = []struct{ call, why string }{
	{`^openat\(AT_FDCWD, "NAME", O_RDONLY\|O_CLOEXEC\|O_PATH\)`, "the launcher opens it once, and looks at the descriptor"},
	{`^openat2\(AT_FDCWD, "(\.\.)?NAME", \{flags=O_RDONLY\|O_CLOEXEC\|O_PATH, resolve=RESOLVE_NO_SYMLINKS\}`, "the container's process opens it once, in its own mount namespace"},
	{`^readlinkat\(AT_FDCWD, "/proc/self/fd/\d+", "NAME"`, "the kernel's answer, and no path that is resolved"},
	{`^execve\("`, "the launcher's own command line, and the command's"},
	{`^(read|write|pread64|pwrite64)\(`, "text: mountinfo, notes"},
}

// insideByName are those of the container's process that name a place in the root after the
// pivot. mountverify.go looks afterwards at where they went, and nothing runs if one went astray.
var insideByName = regexp.MustCompile(`^(mount\((NULL|"(tmpfs|proc|sysfs|cgroup|cgroup2|devpts|mqueue|/dev/null|\.\./(dev|sys/fs/cgroup)/[a-z/._]+|/proc/[a-z-]+)"), "/(tmp|dev|sys|proc)|mount\(NULL, "/"|mkdirat\(AT_FDCWD, "/(dev|sys)/|mknodat\(AT_FDCWD, "/(dev|sys)/|symlinkat\("[^"]*", AT_FDCWD, "(\.\./proc|/dev|/sys)/|mount_setattr\(AT_FDCWD, "/(dev|proc|sys)|open_tree\(AT_FDCWD, "\.\./proc|pivot_root\("\."|chdir\("/"\)|umount2\("\.\."|execve\()`)

// What a run does under strace(1): no path of a tree that others may change is resolved by
// name, but for those above.
func TestNothingIsNamedTwice(t *testing.T) {
	notForRanges(t, "newuidmap's set-id bit does not work under a user's strace")
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
	traces, _ := filepath.Glob(file + ".*") // of each thread, so that no call is in two parts
	all := ""
	for _, f := range traces {
		all += "\n" + read(t, f)
	}
	for l := range strings.Lines(all) {
		call := strings.TrimSpace(l)
		if call == "" { // the next one's
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
				t.Errorf("by name: %s", call)
			}
		}
		// Of the container's process, absolute names.
		if inContainer && regexp.MustCompile(`^(mount|mkdirat|mknodat|symlinkat|mount_setattr|move_mount|open_tree|chdir|chroot|unlinkat)\(`).MatchString(call) &&
			strings.Contains(call, `"/`) && !strings.Contains(call, "unfinished") && !insideByName.MatchString(call) && !strings.HasPrefix(call, "unlinkat(AT_FDCWD, \"/sys/fs/cgroup/") {
			t.Errorf("by name, after the pivot: %s", call)
		}
	}
	for what, n := range named {
		if n > 1 && strings.Contains(what, "once") {
			t.Errorf("%d times: %s", n, what)
		}
	}
	if len(named) < 4 {
		t.Errorf("only %v: the trace is not understood", named)
	}
}

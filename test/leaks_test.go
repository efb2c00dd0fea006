// Checks that a run leaves nothing behind.
package test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noLeaks compares the machine before and after the test: processes, mounts, groups, ledgers, this
// process's descriptors, and everything below the given directories.
//
// Other users may run containers at the same time. Processes of these tests have a mark in their
// environment. A group or ledger that others use is ignored. What cannot be attributed soon
// disappears if it belongs to others, so everything new has half a minute to disappear.
func noLeaks(t *testing.T, dirs ...string) {
	t.Helper()
	before := snapshot(t, dirs)
	t.Cleanup(func() {
		t.Helper()
		checkLeaks(t, before, dirs)
	})
}

// checkLeaks reports what differs from the state before.
func checkLeaks(t *testing.T, before map[string]string, dirs []string) {
	t.Helper()
	after := snapshot(t, dirs)
	changed := func() (out []string) {
		now := snapshot(t, dirs)
		for k, v := range after {
			if was, there := before[k]; (!there || was != v) && now[k] == v {
				out = append(out, "left behind: "+k+" "+v)
			}
		}
		for k, v := range before {
			if _, there := after[k]; !there && strings.HasPrefix(k, "file ") {
				out = append(out, "gone: "+k+" "+v)
			}
		}
		slices.Sort(out)
		return out
	}
	end := time.Now().Add(patience / 2)
	for {
		left := changed()
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("this differs from before the test:\n%s", strings.Join(left, "\n"))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// snapshot returns everything that a run could leave behind, by name.
func snapshot(t *testing.T, dirs []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range []func() map[string]string{processes, mounts, groupDirs, ledgers, descriptors} {
		maps.Copy(all, f())
	}
	for _, d := range dirs {
		maps.Copy(all, files(t, d))
	}
	return all
}

// mark is in the environment of every process that these tests start.
var mark = fmt.Sprintf("TINCAN_TEST_MARK=%d", os.Getpid())

// processes returns the processes that these tests have started.
func processes() map[string]string {
	out := map[string]string{}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, e := range entries {
		if b, err := os.ReadFile(e + "/status"); err == nil && ours(filepath.Base(e)) {
			out["process "+filepath.Base(e)] = statusFields(string(b))["Name"]
		}
	}
	return out
}

// ours reports whether a process is a child of this process, or has the mark, or an ancestor that
// has it. (An init's environment is that of the launcher from which it was copied.)
func ours(pid string) bool {
	self := strconv.Itoa(os.Getpid())
	for first := true; pid != "0" && pid != "1" && pid != ""; first = false {
		if pid == self {
			return !first
		}
		b, _ := os.ReadFile("/proc/" + pid + "/environ")
		if strings.Contains("\x00"+string(b), "\x00"+mark+"\x00") {
			return true
		}
		b, _ = os.ReadFile("/proc/" + pid + "/status")
		pid = statusFields(string(b))["PPid"]
	}
	return false
}

// statusFields returns the fields of a file such as /proc/PID/status.
func statusFields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(line, ":")
		out[k] = strings.TrimSpace(v)
	}
	return out
}

// mounts returns the mounts of this mount namespace.
func mounts() map[string]string {
	out := map[string]string{}
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		out["mount "+strings.TrimSpace(line)] = ""
	}
	return out
}

// groupParents returns the directories in which a run may make its group, by controller: the
// caller's own group in each version 1 hierarchy, and the top of version 2 as "unified".
func groupParents() map[string]string {
	out := map[string]string{}
	own := map[string]string{}
	b, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		if p := strings.SplitN(strings.TrimSpace(line), ":", 3); len(p) == 3 {
			for c := range strings.SplitSeq(p[1], ",") {
				out[c] = ""
				own[c] = p[2]
			}
		}
	}
	delete(out, "")
	b, _ = os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		_, after, ok := strings.Cut(line, " - ")
		s := strings.Fields(after)
		switch {
		case !ok || len(s) < 3:
		case s[0] == "cgroup2" && onV2():
			out["unified"] = v2Top()
		case s[0] == "cgroup2":
			out["unified"] = f[4]
		case s[0] == "cgroup":
			for o := range strings.SplitSeq(s[2], ",") {
				if _, ok := out[o]; ok {
					out[o] = filepath.Join(f[4], own[o])
				}
			}
		}
	}
	return out
}

// onV2 reports whether this machine's control groups are of version 2.
func onV2() bool { return exists("/sys/fs/cgroup/cgroup.controllers") }

// v2Top returns the directory in which groups of version 2 are made: the top, or a user's own
// group.
func v2Top() string {
	if own := os.Getenv("TINCAN_TEST_GROUP"); own != "" {
		return own
	}
	return "/sys/fs/cgroup"
}

// groupDirs returns the groups that are empty, or have processes of these tests.
func groupDirs() map[string]string {
	out := map[string]string{}
	for _, dir := range groupParents() {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			fi, err := os.Stat(name)
			if err != nil || !fi.IsDir() {
				continue
			}
			b, _ := os.ReadFile(filepath.Join(name, "cgroup.procs"))
			pids := strings.Fields(string(b))
			if len(pids) == 0 || slices.ContainsFunc(pids, ours) {
				out["group "+name] = fmt.Sprint("inode ", fi.Sys().(*syscall.Stat_t).Ino)
			}
		}
	}
	return out
}

// ledgers returns the notes of runs that have not ended properly.
func ledgers() map[string]string {
	out := map[string]string{}
	own := fmt.Sprintf("-%d", os.Getuid())
	for _, dir := range []string{"/run/tincan", "/dev/shm/tincan", "/tmp/tincan", "/dev/shm/tincan" + own, "/tmp/tincan" + own} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			pid, _, _ := strings.Cut(e.Name(), "-")
			if e.Name() != "cursor" && (ours(pid) || !exists("/proc/"+pid)) && !locked(filepath.Join(dir, e.Name())) {
				text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
				out["ledger "+filepath.Join(dir, e.Name())] = fmt.Sprintf("%q", text)
			}
		}
	}
	return out
}

// locked reports whether a run, perhaps another user's, holds a note. It reads the kernel's list
// (proc_locks(5)), because taking the lock would disturb that run.
func locked(file string) bool {
	var st syscall.Stat_t
	if syscall.Stat(file, &st) != nil {
		return true // it has just been removed
	}
	b, err := os.ReadFile("/proc/locks")
	return err != nil || strings.Contains(string(b), fmt.Sprintf(" %02x:%02x:%d ", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino))
}

// descriptors returns this process's open descriptors.
func descriptors() map[string]string {
	out := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/proc/") {
			out["descriptor "+e.Name()] = to
		}
	}
	return out
}

// files returns all files below dir, with the attributes that a run could change.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		what := fi.Mode().String()
		if fi.Mode().IsRegular() {
			what += fmt.Sprintf(" %d bytes of %v", fi.Size(), fi.ModTime().UnixNano())
		}
		out["file "+p] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

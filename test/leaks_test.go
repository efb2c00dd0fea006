// What a run leaves behind, which is to be nothing.
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
	"testing"
	"time"
)

// noLeaks compares the machine before and after the test: processes, mounts, groups,
// ledgers, this process's descriptors, /tmp, and everything below the directories
// given.
//
// Others may be running containers at the same time. What they make is gone soon;
// what a run of ours left stays. So whatever is new gets ten seconds to go away.
func noLeaks(t *testing.T, dirs ...string) {
	t.Helper()
	before := snapshot(t, dirs)
	t.Cleanup(func() {
		t.Helper()
		checkLeaks(t, before, dirs)
	})
}

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
	end := time.Now().Add(10 * time.Second)
	for {
		left := changed()
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("not as before:\n%s", strings.Join(left, "\n"))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// snapshot is everything a run could leave, by name.
func snapshot(t *testing.T, dirs []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range []func() map[string]string{processes, mounts, groupDirs, ledgers, descriptors} {
		maps.Copy(all, f())
	}
	entries, _ := os.ReadDir("/tmp")
	for _, e := range entries {
		if strings.Contains(e.Name(), "tincan") || strings.Contains(e.Name(), "crabcan") {
			all["entry /tmp/"+e.Name()] = ""
		}
	}
	for _, d := range dirs {
		maps.Copy(all, files(t, d))
	}
	return all
}

// processes are those called tincan or tincan-init, those in another PID namespace, and children
// of this one.
func processes() map[string]string {
	out := map[string]string{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err != nil {
			continue
		}
		st := statusFields(string(b))
		ours := st["PPid"] == strconv.Itoa(os.Getpid())
		if st["Name"] == "tincan" || st["Name"] == "tincan-init" || len(strings.Fields(st["NSpid"])) > 1 || ours {
			out["process "+e.Name()] = st["Name"]
		}
	}
	return out
}

// statusFields reads the form of /proc/PID/status.
func statusFields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(line, ":")
		out[k] = strings.TrimSpace(v)
	}
	return out
}

func mounts() map[string]string {
	out := map[string]string{}
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		out["mount "+strings.TrimSpace(line)] = ""
	}
	return out
}

// groupParents are the directories that a run may make its group in: the caller's
// own group of each version 1 hierarchy, and the top of version 2.
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

// onV2 tells whether the groups are of version 2.
func onV2() bool { return exists("/sys/fs/cgroup/cgroup.controllers") }

func groupDirs() map[string]string {
	out := map[string]string{}
	for _, dir := range groupParents() {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.IsDir() {
				out["group "+filepath.Join(dir, e.Name())] = ""
			}
		}
	}
	return out
}

// ledgers are the notes of runs that have not ended, or not well.
func ledgers() map[string]string {
	out := map[string]string{}
	for _, dir := range []string{"/run/tincan", "/dev/shm/tincan", "/tmp/tincan"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Name() != "lock" {
				out["ledger "+filepath.Join(dir, e.Name())] = ""
			}
		}
	}
	return out
}

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

// files lists everything below dir, with what a run could change of it.
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

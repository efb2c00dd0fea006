// The floor must do what tincan does.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// floorCases are flags of runs that together have every kind of step.
var floorCases = map[string][]string{
	"default":   nil,
	"no group":  {"--no-cgroup"},
	"no init":   {"--no-init"},
	"user":      {"-u", "1000", "--gid=50", "--map=0:20000:1001", "-w", "/tmp"},
	"no filter": {"--seccomp=none", "--net=host", "--cap-add=ALL", "--rlimit=core=0", "--rlimit=fsize=1M:1G"},
	"added":     {"-a", "/etc/passwd:/etc/pw:ro", "--tmpfs=/t:4M", "-e", "ODD=\"\\\n\x01é??/"},
}

// rootlessCases are flags of runs by a user who is not root.
var rootlessCases = map[string][]string{
	"rootless": {"--no-cgroup", "--map=0:" + strconv.Itoa(benchUser) + ":1"},
}

// testName is the hostname of the containers, and so the name of their groups.
var testName = fmt.Sprintf("floor-test-%d", os.Getpid())

// TestFloorMakesTheSameCalls compares what strace shows of the floor's container with what it shows
// of tincan's.
func TestFloorMakesTheSameCalls(t *testing.T) {
	needs(t, "strace", "gcc", "busybox")
	s := testShop(t)
	same := func(s *workshop, name string, flags []string) {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{}, flags...), "-m", s.root, "--hostname="+testName, "--", "/bin/true")
			bin, err := s.floor("floor "+name, args...)
			if err != nil {
				t.Fatal(err)
			}
			floor := traced(t, s.user, bin)
			tincan := traced(t, s.user, append([]string{s.tincan, "run"}, args...)...)
			for i, who := range []string{"the first process", "the command"} {
				for j := range max(len(floor[i]), len(tincan[i])) {
					f, c := at(floor[i], j), at(tincan[i], j)
					if f != c {
						t.Fatalf("%s, call %d:\ntincan: %s\nfloor:  %s", who, j+1, c, f)
					}
				}
			}
			if len(tincan[0]) < 20 {
				t.Errorf("only %d calls: %q", len(tincan[0]), tincan[0])
			}
			t.Logf("%d calls", len(tincan[0])+len(tincan[1]))
		})
	}
	for name, flags := range floorCases {
		same(s, name, flags)
	}
	u := s.asUser(benchUser)
	for name, flags := range rootlessCases {
		same(u, name, flags)
	}
}

// at returns the i-th line, or a text that says that there is none.
func at(v []string, i int) string {
	if i < len(v) {
		return v[i]
	}
	return "(no more)"
}

// traced returns the calls of the container's first process and of the process that it forks, up to
// and including the last execve. The init's wait is not a step of the plan.
func traced(t *testing.T, user uint32, line ...string) (out [2][]string) {
	t.Helper()
	dir := t.TempDir()
	prefix := filepath.Join(dir, "trace")
	cmd := command(append([]string{"strace", "-ff", "-o", prefix, "-s", "65535", "-e", "abbrev=execve", "--signal=none"}, line...)...)
	if user != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: user}
		if err := errors.Join(os.Chown(dir, int(user), int(user)), os.Chmod(filepath.Dir(dir), 0o711)); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", line, err, text)
	}
	names, _ := filepath.Glob(prefix + ".*")
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		who := 1
		switch {
		case strings.HasPrefix(lines[0], "prctl(PR_SET_PDEATHSIG, SIGKILL)"):
			who = 0
		case strings.HasPrefix(lines[0], "execve("), !strings.Contains(string(b), "\nexecve("):
			continue // the launcher or one of its threads
		}
		for _, l := range lines {
			out[who] = append(out[who], comparable(l))
			if strings.HasPrefix(l, "execve(") || who == 0 && strings.HasPrefix(l, "close_range(") && strings.Contains(l, "4294967295") && strings.Contains(string(b), "clone(") {
				break
			}
		}
	}
	if out[0] == nil {
		t.Fatalf("%q: no trace of the container's first process", line)
	}
	return out
}

// What differs between two runs of the same calls: descriptors, process ids, keyrings, addresses.
var (
	padding     = regexp.MustCompile(`\) +(= .*)$`)
	address     = regexp.MustCompile(`0x[0-9a-f]{6,}`)
	descriptor  = regexp.MustCompile(`^(read|write|close|ioctl|close_range|dup3|fchdir|open_tree|mount_setattr|move_mount)\(\d+`)
	moved       = regexp.MustCompile(`^move_mount\(N, "", \d+, `)
	reportBound = regexp.MustCompile(`^close_range\(N, (\d{1,3}), 0\)`)
	result      = regexp.MustCompile(`^(socket|openat|openat2|open_tree|clone|keyctl)(\(.*\)) = \d+$`)
)

// comparable returns a line of strace without what differs between two runs.
func comparable(l string) string {
	l = padding.ReplaceAllString(l, ") $1")
	l = address.ReplaceAllString(l, "ADDRESS")
	l = descriptor.ReplaceAllString(l, "$1(N")
	l = moved.ReplaceAllString(l, `move_mount(N, "", N, `)
	l = reportBound.ReplaceAllString(l, "close_range(N, N, 0)")
	return result.ReplaceAllString(l, "$1$2 = N")
}

// TestFloorIsAContainer checks that the kernel shows the same of a process in the floor's container
// as of one in tincan's.
func TestFloorIsAContainer(t *testing.T) {
	needs(t, "gcc", "busybox")
	s := testShop(t)
	script := `grep -E '^(Uid|Gid|Groups|NSpid|Cap|NoNewPrivs|Seccomp|SigBlk|SigIgn)' /proc/self/status
		cut -d' ' -f4- /proc/self/mountinfo; cat /proc/self/uid_map /proc/self/limits /proc/self/cgroup; hostname; tr '\0' '\n' </proc/self/environ | sort; ls -l /proc/self/fd /dev; ifconfig lo
		chmod u+s /tmp; echo $?`
	for name, flags := range floorCases {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{}, flags...), "-m", s.root, "--hostname="+testName, "--", "/bin/busybox", "sh", "-c", script)
			bin, err := s.floor("floor "+name, args...)
			if err != nil {
				t.Fatal(err)
			}
			want, got := said(t, append([]string{s.tincan, "run"}, args...)...), said(t, bin)
			if strings.Count(want, "\n") < 50 {
				t.Errorf("the command printed too little:\n%s", want)
			}
			if want != got {
				w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
				for i := range max(len(w), len(g)) {
					if at(w, i) != at(g, i) {
						t.Errorf("tincan: %s\nfloor:  %s", at(w, i), at(g, i))
					}
				}
			}
		})
	}
}

// differing matches what differs between two containers: inode numbers of namespaces and pipes,
// device numbers of file systems, and times.
var differing = regexp.MustCompile(`\[\d+\]|^\d+ |\b0:\d+\b|\b\d\d:\d\d\b|NSpid:.*|inode=\d+`)

// said returns what a command prints, without what differs between two containers.
func said(t *testing.T, line ...string) string {
	t.Helper()
	cmd := command(line...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", line, err, out, errs.String())
	}
	var b strings.Builder
	for l := range strings.Lines(string(out)) {
		b.WriteString(differing.ReplaceAllString(l, "#"))
	}
	return b.String()
}

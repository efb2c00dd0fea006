// Holes 27, 34, 40, 41 and 42 of tools of this class: filters, ids and names that the caller or the
// host gives.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Profiles that allow TIOCSTI: tincan's own small filter must refuse it.
func TestHole27TypingUnderEveryProfile(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	profiles := []string{"tutorial", filepath.Join(profileDir(), "podman-seccomp.json"), filepath.Join(profileDir(), "moby-default.json")}
	compiled := filepath.Join(t.TempDir(), "podman.bpf")
	if out, err := exec.Command(tincanBin, "seccomp", "compile", profiles[1], "-o", compiled).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range append(profiles, compiled) {
		got := attempt(t, "-m", dir, "--seccomp="+p, "ioctls")
		for _, a := range []string{"TIOCSTI", "TIOCSTI|1<<32", "TIOCLINUX"} {
			expect(t, got, a, "EPERM")
		}
		if n := line(tincan(t, "-m", dir, "--seccomp="+p, "--", "cat", "/proc/self/status").out, "Seccomp_filters:"); !strings.HasSuffix(n, "2") {
			t.Errorf("%s: %q, want two filters", p, n)
		}
	}
	got := attempt(t, "-m", dir, "--seccomp=none", "ioctls")
	for _, a := range []string{"TIOCSTI", "TIOCSTI|1<<32", "TIOCLINUX"} {
		if e := got[a]; e == "EPERM" || e == "" {
			t.Errorf("without a filter: %s: %q, so this test shows nothing", a, e)
		}
	}
}

// Ids of the container that belong to somebody on the host.
func TestHole34IdsOfSomebody(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	etc := func(file, line string) []string {
		return inMountNS(t, "cat /etc/"+file+" >/tmp/etc-34-$$ 2>/dev/null || :; echo '"+line+"' >>/tmp/etc-34-$$; touch /tmp/none-34; mount --bind /tmp/etc-34-$$ /etc/"+file+"; rm /tmp/etc-34-$$ /tmp/none-34")
	}
	for _, c := range []struct{ file, line, want string }{
		{"passwd", "joe:x:10000:10000::/home/joe:/bin/sh", "joe (/etc/passwd: 10000)"},
		{"passwd", "ann:x:11999:11999::/home/ann:/bin/sh", "ann (/etc/passwd: 11999)"},
		{"subuid", "eve:5000:5001", "eve (/etc/subuid: 5000)"},
	} {
		if c.file == "subuid" && !exists("/etc/subuid") {
			continue
		}
		refused(t, job{before: etc(c.file, c.line), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t), c.want, "--map=0:2000000:2000")
		if r := (job{before: etc(c.file, c.line), args: []string{"--map=0:2000000:2000", "-m", dir, "--", "echo", "ran"}}).run(t); r.status != 0 || r.err != "" {
			t.Errorf("%s: with another range: %v", c.line, r)
		}
		if r := (job{before: etc(c.file, c.line), args: []string{"--map=0:10000:2000", "-m", dir, "--", "echo", "ran"}}).run(t); r.status != 0 || strings.Count(r.err, c.want) != 1 {
			t.Errorf("%s: with --map for these ids: %v", c.line, r)
		}
	}
	refused(t, job{before: etc("passwd", "sue:x:12000:12000::/:/bin/sh"), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t), "sue (/etc/passwd: 12000)")
	for _, line := range []string{"joe:x:9999:10000::/:/bin/sh", "joe:x:12001:12001::/:/bin/sh", "joe:x::::", "joe"} {
		if r := (job{before: etc("passwd", line), args: []string{"-m", dir, "--", "echo", "ran"}}).run(t); r.status != 0 || r.err != "" {
			t.Errorf("%s: %v", line, r)
		}
	}
}

// A profile that refuses calls which tincan itself needs under it is an error before anything is
// made.
func TestHole40LastCalls(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	none := filepath.Join(t.TempDir(), "none.json")
	write(t, none, `{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": []}`)
	profiles := map[string]string{none: "execve"}
	for _, call := range []string{"execve", "write", "exit_group"} {
		for _, action := range []string{"SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"} {
			file := filepath.Join(t.TempDir(), call+".json")
			write(t, file, fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [%q], "action": %q}]}`, call, action))
			profiles[file] = call
			compiled := strings.TrimSuffix(file, "json") + "bpf"
			if out, err := exec.Command(tincanBin, "seccomp", "compile", file, "-o", compiled).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			profiles[compiled] = call
		}
	}
	for file, call := range profiles {
		r := tincan(t, "--seccomp="+file, "-m", dir, "--", "true")
		refused(t, r, "the filter answers "+call+" with", "allow them")
		if r.took > 2*time.Second {
			t.Errorf("%s: after %v", file, r.took)
		}
	}
}

// Long profiles must not take time that grows with the square of their length.
func TestHole41LongProfiles(t *testing.T) {
	dir := t.TempDir()
	long := map[string]func(n int) string{
		"keys": func(n int) string {
			var b strings.Builder
			for i := range 2 * n {
				fmt.Fprintf(&b, `"k%d": 1, `, i)
			}
			return `{` + b.String() + `"defaultAction": "SCMP_ACT_ALLOW"}`
		},
		"rules": func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": %d, "op": "SCMP_CMP_EQ"}]}, `, i)
			}
			return `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [` + strings.TrimSuffix(b.String(), ", ") + `]}`
		},
	}
	for name, text := range long {
		file := filepath.Join(dir, name)
		took := func(n int) time.Duration {
			write(t, file, text(n))
			begin := time.Now()
			out, err := exec.Command(tincanBin, "seccomp", "compile", file, "-o", "/dev/null").CombinedOutput()
			if err == nil || strings.Count(string(out), "\n") > 2 {
				t.Errorf("%s: %v: %.300s", name, err, out)
			}
			return time.Since(begin)
		}
		// A profile of ten times the length may take about ten times as long, not a hundred
		// times.
		if short, all := took(3000), took(30000); all > 25*short+time.Second {
			t.Errorf("%s: a tenth of the profile takes %v, the whole %v", name, short, all)
		}
	}
}

// Names from outside must not reach a terminal unchanged.
func TestHole42Words(t *testing.T) {
	dir := tree(t)
	const evil = "\x1b]52;c;ZWNobw==\x07\u009b2J"
	file := filepath.Join(t.TempDir(), evil+".json")
	write(t, file, `{"defaultAction": "SCMP_ACT_ALLOW", "`+strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`).Replace(evil)+`": 1, "syscalls": [{"names": ["`+`\u001b]0;x\u0007`+`"], "action": "SCMP_ACT_ERRNO"}]}`)
	if err := os.Symlink(evil, filepath.Join(dir, "led")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "bin/script")
	write(t, script, "#!/"+evil+"\n")
	os.Chmod(script, 0o755)
	noLeaks(t, dir)
	for _, args := range [][]string{
		{"-m", dir, "-a", evil + ":/x", "--", "true"}, {"-m", dir, "-a", dir + "/etc:/led/x", "--", "true"}, {"-m", evil, "--", "true"},
		{"-m", dir, "--", evil}, {"-m", dir, "--", "/bin/script"}, {"--seccomp=" + file, "-m", dir, "--", "true"}, {"-m", dir, "--" + evil, "--", "true"},
		{"-m", dir, "--hostname=" + evil + "/", "--", "true"}, {"-m", dir, "-w", "/" + evil, "--", "true"}, {"-m", dir, "--stats=/" + evil + "/x", "--", "true"},
		{"seccomp", "show", file}, {"seccomp", "compile", file, "-o", "/dev/null"}, {"plan", "--explain", "-m", dir, "-a", dir + "/etc:/" + evil, "--", "true"},
		{"initramfs", "-o", "/dev/null", "--add", evil + ":/x"}, {evil},
	} {
		c := exec.Command(tincanBin, args...)
		out, _ := c.CombinedOutput()
		if len(out) == 0 && c.ProcessState.ExitCode() != 0 {
			t.Errorf("%q failed without a message", args)
		}
		if strings.ContainsAny(string(out), "\x1b\x07") || strings.Contains(string(out), "\u009b") {
			t.Errorf("%q: %q", args, out)
		}
	}
}

// What users of such tools have reported about files and mounts. R3 to R6 are numbers in that list.
package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// R3: opening /dev/stdout, which is a pipe that another user has made.
func TestR3StdoutIsOpenedAgain(t *testing.T) {
	notForRanges(t, "the user's pipe belongs to user 0 inside, and -u 33 is another user")
	const script = `echo out >/dev/stdout; echo err >/dev/stderr; echo more >>/proc/self/fd/1; cat /dev/stdin
for c in "exec 3<>/dev/stdin" "exec 3<>/dev/stdout" "exec 3</dev/stdout" "exec 3>/dev/stdin"; do (eval "$c") 2>/dev/null && echo "$c"; done`
	for _, flags := range [][]string{nil, {"-u", "33"}, {"--no-init"}} {
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		to.WriteString("in\n")
		to.Close()
		r := job{args: append(flags, "--", "sh", "-c", script), in: from}.run(t)
		from.Close()
		want := "out\nmore\nin\n"
		if asUser != "" { // the pipes belong to the user, who may open both directions
			want += "exec 3<>/dev/stdin\nexec 3<>/dev/stdout\nexec 3</dev/stdout\nexec 3>/dev/stdin\n"
		}
		if r.status == 125 || r.out != want || r.err != "err\n" {
			t.Errorf("%v: want %q\n%v", flags, want, r)
		}
	}
}

// R3: a named FIFO and a file belong to the host, and must not change.
func TestR3FilesStay(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if out, err := exec.Command("mkfifo", "-m", "600", dir+"/fifo").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	write(t, dir+"/file", "")
	script := `"$0" -- sh -c 'echo x >/dev/stdout' <>"$1" >&0; "$0" -- sh -c 'echo x >/dev/stdout' >"$2"; stat -c '%a %u' "$1" "$2"`
	out, err := exec.Command("sh", "-c", script, tincanBin, dir+"/fifo", dir+"/file").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "600 0\n644 0\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// R5: with the host's network, names can be looked up, wherever the host's resolv.conf leads.
func TestR5Resolver(t *testing.T) {
	// An /etc like the host's, of symlinks and without resolv.conf, and a /run with the file.
	const prepare = `mount -t tmpfs t /mnt; mkdir /mnt/etc; cp -P /etc/passwd /etc/group /mnt/etc; mount --bind /mnt/etc /etc; mount -t tmpfs r /run; mkdir -p /run/a /run/b
echo nameserver 192.0.2.7 >/run/b/real; ln -s ../b/real /run/a/link; umount -l /mnt || :; `
	for name, link := range map[string]string{
		"one link":         "ln -s /run/b/real /etc/resolv.conf",
		"relative":         "ln -s ../run/b/real /etc/resolv.conf",
		"several":          "ln -s ../run/a/link /etc/resolv.conf",
		"several in /etc":  "ln -s here /etc/resolv.conf; ln -s /var/run/a/link /etc/here",
		"above the root":   "ln -s ../../../run/a/link /etc/resolv.conf",
		"a file":           "cp /run/b/real /etc/resolv.conf",
		"a file in a link": "ln -s sub /etc/d; mkdir /etc/sub; cp /run/b/real /etc/sub/f; ln -s d/f /etc/resolv.conf",
	} {
		if testing.Short() && name != "several in /etc" && name != "a file in a link" { // these two cover the others
			continue
		}
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			before := inMountNS(t, prepare+link)
			r := job{before: before, args: []string{"--net=host", "--", "sh", "-c", "cat /etc/resolv.conf; echo >/etc/resolv.conf"}}.run(t)
			if r.out != "nameserver 192.0.2.7\n" || !strings.Contains(r.err, "Read-only") {
				t.Error(r)
			}
			// What the user adds at that place wins. With its own network, the container has no
			// such file.
			r = job{before: before, args: []string{"--net=host", "-a", "/etc/passwd:/etc/resolv.conf", "--", "grep", "-c", "^root:", "/etc/resolv.conf"}}.run(t)
			if r.out != "1\n" {
				t.Error(r)
			}
			r = job{before: before, args: []string{"--", "ls", "/run"}}.run(t)
			if r.out != "" || r.status != 0 {
				t.Error(r)
			}
		})
	}
	for name, link := range map[string]string{"none": ":", "dangling": "ln -s /run/nowhere /etc/resolv.conf", "a loop": "ln -s resolv.conf /etc/resolv.conf", "a directory": "ln -s /run/a /etc/resolv.conf"} {
		r := job{before: inMountNS(t, prepare+link), args: []string{"--net=host", "--", "sh", "-c", "cat /etc/resolv.conf 2>/dev/null; ls /run"}}.run(t)
		if r.out != "" || r.status != 0 || r.err != "" {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// R6: the container sees its own groups, read-only, where programs look for their limits. A Java
// machine needs memory, cpu, cpuacct and cpuset in mountinfo, or ignores all of them.
func TestR6OwnGroups(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	base := []string{"-m", dir, "--memory=64M", "--pids=37", "--"}
	r := func(script string) string { return ok(t, append(base, "/bin/sh", "-c", script)...) }
	if onV2() {
		if out := r("cd /sys/fs/cgroup; cat memory.max pids.max; (echo 5 >pids.max) 2>/dev/null || echo no; ls -d */ 2>/dev/null || :"); out != "67108864\n37\nno" {
			t.Errorf("%q", out)
		}
		return
	}
	if out := r("cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares"); out != "67108864\n37\n256" {
		t.Errorf("%q", out)
	}
	// The group's processes are the container's, and no other group is visible.
	if out := r("cat /sys/fs/cgroup/memory/cgroup.procs"); !strings.HasPrefix(out, "1\n2") {
		t.Errorf("%q", out)
	}
	out := r(`cd /sys/fs/cgroup; find . -mindepth 2 -type d; for f in . memory pids cpu cpuset cpuacct memory/tasks pids/pids.max; do test -e $f || continue; test -d $f && f=$f/new; (echo 1 >$f) 2>/dev/null && echo wrote $f; done; mkdir memory/x 2>/dev/null && echo made; :`)
	if out != "" {
		t.Errorf("other groups are visible, or something can be written:\n%s", out)
	}
	seen := r("grep -c ' - cgroup ' /proc/self/mountinfo; cat /proc/self/mountinfo")
	mounted := func(controller string) bool {
		for line := range strings.Lines(seen) {
			_, fs, is := strings.Cut(strings.TrimSpace(line), " - cgroup ")
			if is && strings.Contains(fs+",", ","+controller+",") && strings.Contains(line, " ro,nosuid,nodev,noexec") {
				return true
			}
		}
		return false
	}
	for _, c := range []string{"memory", "cpu", "pids", "cpuset", "cpuacct"} {
		host := read(t, "/proc/self/mountinfo")
		if strings.Contains(host+",", ","+c+",") || strings.Contains(host, ","+c+"\n") {
			if !mounted(c) {
				t.Errorf("%s is not mounted:\n%s", c, seen)
			}
		}
	}
	if out := ok(t, "-m", dir, "--no-cgroup", "--", "ls", "/sys/fs/cgroup"); out != "" {
		t.Errorf("without a group: %q", out)
	}
}

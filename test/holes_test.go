// Holes 9 to 14 of tools of this class. Each test runs the attack in a container, where it must
// fail, and shows that it works without the protection. Holes 15 to 19 and 21 are in
// holes_inside_test.go, 20 is in terminal_test.go, the later ones are in the other files of this
// name; 1 to 8 and 22 concern the filter.
package test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// CVE-2019-5736: the launcher's program, memory and environment, through /proc/1.
func TestHole09LauncherOverwritten(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	before := sha256.Sum256([]byte(read(t, tincanBin)))
	attacks := []string{"exe read", "exe write", "mem read", "mem rw", "environ read", "maps read", "auxv read",
		"readlink exe", "readlink cwd", "readlink root", "readlink fd/2", "ptrace attach", "ptrace seize", "process_vm_readv", "pidfd_getfd"}
	for _, flags := range [][]string{nil, {"--cap-add=ALL"}, {"--cap-add=ALL", "--seccomp=none"}} {
		got := attempt(t, append(append([]string{"-m", dir}, flags...), "init", "1")...)
		for _, a := range attacks {
			if e := got[a]; e != "EACCES" && e != "EPERM" {
				t.Errorf("%q: %s: %q, want EACCES or EPERM", flags, a, e)
			}
		}
	}
	if sha256.Sum256([]byte(read(t, tincanBin))) != before {
		t.Error("the launcher's file has changed")
	}
	// On the host, all of it must work on an ordinary process.
	sleep := filepath.Join(t.TempDir(), "sleep") // a copy: writing to the original could be refused anyway
	copyFile(t, needProgram(t, "sleep"), sleep)
	victim := exec.Command(sleep, "100")
	victim.Start()
	defer victim.Wait()
	defer victim.Process.Kill()
	out, err := exec.Command(probeBin, "init", fmt.Sprint(victim.Process.Pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	control := parseProbe(result{out: string(out)})
	for _, a := range attacks {
		if e := control[a]; e == "EACCES" || e == "EPERM" && a != "ptrace seize" || e == "" {
			t.Errorf("without protection: %s: %q, so this test shows nothing", a, e)
		}
	}
}

// CVE-2024-21626: a descriptor of the host, or a working directory on the host.
func TestHole10LeakedDescriptors(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	var five []*os.File
	for range 5 { // 3 to 7
		f, err := os.Open("/etc")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		five = append(five, f)
	}
	for _, init := range []string{"--init", "--no-init"} {
		r := job{args: append([]string{init, "-m", dir}, probe("fds")...), files: five, dir: "/usr"}.run(t)
		if r.out != "0\n1\n2\ncwd: / <nil>\nlink: /\n" {
			t.Errorf("%s: %v", init, r)
		}
	}
	r := job{args: append([]string{"--pass-fd=7", "-m", dir}, probe("fds")...), files: five}.run(t)
	if !strings.HasPrefix(r.out, "0\n1\n2\n7\n") {
		t.Error("the descriptor that was passed is not seen:", r)
	}
	for _, w := range []string{"/proc/self/fd/7", "/proc/self/fd/7/..", "/proc/1/fd/7"} {
		r := job{args: append([]string{"-w", w, "-m", dir}, probe("fds")...), files: five, dir: "/usr"}.run(t)
		refused(t, r, "chdir(", "--workdir="+w)
	}
	// The same through the command's own name.
	bin, err := os.Open(filepath.Dir(probeBin))
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	for _, init := range []string{"--init", "--no-init"} {
		args := []string{init, "-m", dir, "--", "/proc/self/fd/3/" + filepath.Base(probeBin), "fds"}
		wantFailure(t, job{args: args, files: []*os.File{bin}}.run(t), 127, "execve(")
		r := job{args: append([]string{"--pass-fd=3"}, args...), files: []*os.File{bin}}.run(t)
		if r.status != 0 {
			t.Error("with --pass-fd it must work:", r)
		}
	}
}

// CVE-2021-30465: a destination that is or becomes a symlink. It must be followed inside.
func TestHole11DestinationSymlinks(t *testing.T) {
	dir := tree(t)
	outside := t.TempDir()
	write(t, outside+"/precious", "precious\n")
	noLeaks(t, outside)
	source := t.TempDir()
	for i, to := range []string{"/", outside, "../../../../../../../.." + outside, "/proc/self/root", "."} {
		link := fmt.Sprintf("/planted%d", i)
		os.Symlink(to, dir+link)
		r := tincan(t, "-m", dir, "-a", source+":"+link, "--", "echo", "ran")
		switch to {
		case "/", ".":
			refused(t, r, link+" in the container leads to / ", "/, which -m chooses")
		case "/proc/self/root":
			refused(t, r, link+" in the container leads to /proc/self/root ", "/proc, which is the container's own")
			continue
		default:
			if r.status != 0 || r.out != "ran\n" {
				t.Errorf("%s: %v", to, r)
			}
		}
		r = tincan(t, "-m", dir, "-a", source+":"+link+"/new", "--tmpfs="+link+"/t", "--", "ls", link)
		if r.status != 0 || !strings.Contains(r.out, "new") || !strings.Contains(r.out, "t\n") || strings.Contains(r.out, "precious") {
			t.Errorf("%s: %v", to, r)
		}
	}
	// A loop exchanges the destination for a symlink to a directory of the host.
	mkdir(t, dir+"/data")
	os.Symlink(outside, dir+"/other")
	stop, done, swaps := make(chan bool), make(chan bool), 0
	go func() {
		defer close(done)
		for ; ; swaps++ {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, dir+"/data", unix.AT_FDCWD, dir+"/other", unix.RENAME_EXCHANGE)
			}
		}
	}()
	counts := map[int]int{}
	n := 60
	if testing.Short() {
		n = 20
	}
	for i := range n {
		to := []string{"/data", "/data/sub"}[i%2]
		r := tincan(t, "-m", dir, "-a", source+":"+to, "--", "true")
		counts[r.status]++
		if r.status != 0 && r.status != 125 {
			t.Error(r)
		}
	}
	close(stop)
	<-done
	t.Logf("%d exchanges; runs by status: %v", swaps, counts)
}

// CVE-2025-31133: the root directory's own /dev/null is a symlink.
func TestHole12MaskSources(t *testing.T) {
	dir := tree(t)
	mkdir(t, dir+"/dev")
	os.Symlink("/proc/sys/kernel/core_pattern", dir+"/dev/null")
	noLeaks(t, dir)
	was := read(t, "/proc/sys/kernel/core_pattern")
	got := ok(t, "-m", dir, "--", "sh", "-c", `stat -c '%F %t:%T' /dev/null /proc/keys /proc/timer_list; echo x >/dev/null
		for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/mm/ksm/run; do test -e $f || continue; (echo x >$f) 2>/dev/null && echo wrote $f; done; true`)
	for l := range strings.Lines(got) {
		if strings.TrimSpace(l) != "character special file 1:3" {
			t.Errorf("%q", got)
		}
	}
	if now := read(t, "/proc/sys/kernel/core_pattern"); now != was {
		os.WriteFile("/proc/sys/kernel/core_pattern", []byte(was), 0o644)
		t.Errorf("core_pattern was changed to %q", now)
	}
	// The container must not write to these files even as the host's root, whom permissions do
	// not stop.
	sysctls := []string{"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/net/core/somaxconn"}
	got2 := attempt(t, append([]string{"-m", dir, fmt.Sprintf("--map=0:%d:1", os.Getuid()), "--cap-add=ALL", "--seccomp=none", "files"}, sysctls...)...)
	for _, f := range sysctls {
		if f != sysctls[2] || got2[f] != "ENOENT" {
			want := "EROFS"
			if asUser != "" {
				want = "EACCES" // these files are for the machine's root
			}
			expect(t, got2, f, want)
		}
	}
	if asUser != "" {
		return // on the host, this user may not write to them either
	}
	out, err := exec.Command(probeBin, "files", sysctls[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, parseProbe(result{out: string(out)}), sysctls[0], "ok") // on the host
}

// CVE-2026-41579: the root directory's /dev is a symlink to the host's /etc.
func TestHole13DevRedirected(t *testing.T) {
	dir := tree(t)
	outside := t.TempDir()
	noLeaks(t, dir, outside)
	for _, name := range []string{"dev", "proc", "sys", "tmp"} {
		for _, to := range []string{outside, "/etc"} {
			os.Symlink(to, filepath.Join(dir, name))
			for _, flags := range [][]string{nil, {"--ro"}} {
				r := tincan(t, append(append([]string{"-m", dir}, flags...), "--", "echo", "ran")...)
				refused(t, r, filepath.Join(dir, name)+" must be a directory, because the container has its own /"+name+" there, but it is a symlink to "+to)
			}
			os.Remove(filepath.Join(dir, name))
		}
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Error("made outside:", entries)
	}
	info, _ := os.Stat(dir)
	os.Chtimes(dir, info.ModTime(), info.ModTime())
}

// CVE-2025-52881: what tincan writes to /proc must reach a procfs.
func TestHole14FakeProc(t *testing.T) {
	dir := tree(t)
	for _, d := range []string{"proc/self/attr/apparmor", "proc/1", "proc/sys/kernel"} {
		mkdir(t, filepath.Join(dir, d))
	}
	for _, f := range []string{"proc/self/attr/exec", "proc/self/attr/apparmor/exec", "proc/1/uid_map", "proc/sys/kernel/cap_last_cap"} {
		write(t, filepath.Join(dir, f), "fake\n")
	}
	noLeaks(t, dir) // nothing may write to its files
	if got := ok(t, "-m", dir, "--", "sh", "-c", "cat /proc/sys/kernel/cap_last_cap; stat -f -c %T /proc"); strings.Contains(got, "fake") || !strings.HasSuffix(got, "\nproc") {
		t.Errorf("inside: %q", got)
	}
	// A directory in the place of the host's /proc, with the files that a launcher might write to,
	// for the next process ids.
	fake := t.TempDir()
	script := fmt.Sprintf(`mkdir -p %[1]s/sys/kernel %[1]s/self/fd; cp /proc/sys/kernel/cap_last_cap %[1]s/sys/kernel; cp /proc/self/mountinfo /proc/self/cgroup %[1]s/self
		for i in $(seq $$ $(($$+200))); do mkdir %[1]s/$i; : >%[1]s/$i/uid_map; : >%[1]s/$i/gid_map; cp /proc/self/mountinfo %[1]s/$i; done
		mount --bind %[1]s /proc`, fake)
	r := job{before: inMountNS(t, script), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t)
	refused(t, r)
	t.Logf("with a directory in the place of /proc: %s", r.err)
}

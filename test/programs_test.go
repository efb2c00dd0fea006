// Real programs: the tutorial's own last test, a Debian tree, and this machine's tools in its own
// tree.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bareBash returns the flags of the tutorial's test, for an empty directory with a copy of
// /bin/bash.
func bareBash(t *testing.T) []string {
	t.Helper()
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "mountdir")
	mkdir(t, dir)
	copyFile(t, needProgram(t, "bash"), filepath.Join(dir, "bash"))
	args := []string{"-d", "-u", "0", "-m", dir}
	for _, lib := range []string{"/lib64", "/lib"} {
		if exists(lib) {
			args = append(args, "-a", lib+":"+lib)
		}
	}
	noLeaks(t, dir)
	return append(args, "-c", "/bash")
}

// TestTutorialByPipe gives the tutorial's bash commands through a pipe.
func TestTutorialByPipe(t *testing.T) {
	args := bareBash(t)
	r := job{args: args, in: strings.NewReader("echo hello from $$; echo $UID; cd /; echo *; exit 5\n")}.run(t)
	if r.status != 5 || r.out != "hello from 2\n0\nbash dev lib lib64 proc sys tmp\n" {
		t.Error(r)
	}
	for l := range strings.Lines(r.err) {
		if !strings.HasPrefix(l, "tincan: ") {
			t.Errorf("-d prints a line without the prefix: %q", l)
		}
	}
	for _, want := range []string{`pivot_root("`, "unshare(CLONE_NEWUSER)", "capset(", "seccomp(", `execve("/bash", ["/bash"]`} {
		if !strings.Contains(r.err, want) {
			t.Errorf("-d does not show %s", want)
		}
	}
}

// TestTutorialOnTerminal uses the tutorial's bash on a terminal.
func TestTutorialOnTerminal(t *testing.T) {
	args := bareBash(t)
	x := onTerminal(t, append([]string{tincanBin}, args...)...)
	x.expect(`bash-[0-9.]+# $`)
	x.send("echo $((6*7)) $$\n")
	x.expect("\n42 2\r\n")
	x.expect(`# $`)
	x.send("exit 4\n")
	x.c.Wait()
	if got := x.c.ProcessState.ExitCode(); got != 4 {
		t.Errorf("status %d, want 4", got)
	}
}

// debian returns a root directory of Debian's packages, which is kept in .cache. It belongs to the
// container's user, so that dpkg can work in it.
func debian(t *testing.T) string {
	t.Helper()
	needRoot(t)
	needProgram(t, "apt-get")
	needProgram(t, "dpkg-deb")
	cache, err := filepath.Abs("../.cache/debian")
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields("base-files bash coreutils dash debianutils diffutils dpkg findutils grep gzip hostname libacl1 libattr1 libbz2-1.0 libc6 libc-bin libcrypt1 " +
		"libdb5.3 libgcc-s1 libgmp10 libgdbm6 liblzma5 libmd0 libpcre2-8-0 libselinux1 libtinfo6 libzstd1 perl-base sed tar zlib1g libssl3")
	complete := filepath.Join(cache, "complete")
	var st syscall.Stat_t // a copy of the project may belong to root
	if b, _ := os.ReadFile(complete); string(b) == fmt.Sprint(packages) && syscall.Stat(cache+"/root", &st) == nil && st.Uid == 10000 {
		return filepath.Join(cache, "root")
	}
	os.RemoveAll(cache)
	mkdir(t, filepath.Join(cache, "deb"))
	c := exec.Command("apt-get", append([]string{"-q", "-o", "APT::Sandbox::User=root", "download"}, packages...)...)
	c.Dir = filepath.Join(cache, "deb")
	if out, err := c.CombinedOutput(); err != nil {
		skip(t, "Debian's packages (apt-get download: %v: %.300s)", err, out)
	}
	root := filepath.Join(cache, "root")
	mkdir(t, root)
	debs, _ := filepath.Glob(filepath.Join(cache, "deb/*.deb"))
	for _, d := range debs {
		if out, err := exec.Command("dpkg-deb", "-x", d, root).CombinedOutput(); err != nil {
			t.Fatalf("dpkg-deb -x %s: %v\n%s", d, err, out)
		}
	}
	for _, d := range []string{"updates", "info", "triggers"} {
		mkdir(t, filepath.Join(root, "var/lib/dpkg", d))
	}
	write(t, filepath.Join(root, "var/lib/dpkg/status"), "")
	hello := filepath.Join(cache, "hello")
	mkdir(t, hello+"/DEBIAN")
	mkdir(t, hello+"/usr/share/hello")
	write(t, hello+"/DEBIAN/control", "Package: hello\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: says hello\n")
	write(t, hello+"/usr/share/hello/text", "hello\n")
	for _, line := range [][]string{{"dpkg-deb", "-b", "--root-owner-group", hello, root + "/hello.deb"}, {"chown", "-R", "10000:10000", root}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", line, err, out)
		}
	}
	write(t, complete, fmt.Sprint(packages))
	return root
}

// TestDebianTree runs programs, and dpkg, in that directory.
func TestDebianTree(t *testing.T) {
	dir := debian(t)
	noLeaks(t)
	for _, c := range []struct{ line, want string }{
		{"cat /etc/debian_version | grep -c .", "1"},
		{"bash -c 'echo $((2**10)) ${BASH_VERSION%%.*}'", "1024 5"},
		{`perl -e 'print join(",", map { $_ * $_ } 1..5), "\n"'`, "1,4,9,16,25"},
		{"perl -MPOSIX -e 'print POSIX::getuid(), \" $$\\n\"' | cut -d' ' -f1", "0"},
		{"dpkg --version | head -1 | cut -d' ' -f1-4", "Debian 'dpkg' package management"},
		{"dpkg --print-architecture", ""},
		{"dpkg --force-depends -i /hello.deb >/dev/null && cat /usr/share/hello/text && dpkg -s hello | grep ^Status && dpkg -P hello >/dev/null && test ! -e /usr/share/hello && echo purged",
			"hello\nStatus: install ok installed\npurged"},
		{"tar -C /etc -cf - os-release | tar -tf -", "os-release"},
	} {
		r := tincan(t, "-m", dir, "--", "/bin/sh", "-c", c.line)
		if got := strings.TrimSpace(r.out); r.status != 0 || c.want != "" && got != c.want {
			t.Errorf("%s:\n%v", c.line, r)
		}
	}
	for _, p := range []string{"proc/self", "dev/null", "sys/kernel"} {
		if exists(filepath.Join(dir, p)) {
			t.Error("this was left in the tree:", p)
		}
	}
}

// TestHostPrograms runs this machine's programs in its own tree, without -m.
func TestHostPrograms(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	goBin := filepath.Join(strings.TrimSpace(string(goroot)), "bin/go")
	project := filepath.Join(t.TempDir(), "project")
	mkdir(t, project)
	write(t, project+"/go.mod", "module hello\n\ngo 1.20\n")
	write(t, project+"/main.go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello from go\") }\n")
	write(t, project+"/hello.c", "#include <stdio.h>\n#include <pthread.h>\nstatic void *f(void *p) { puts(\"hello from c\"); return p; }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return pthread_join(t, 0); }\n")
	write(t, project+"/hello.js", "const t = require('worker_threads'); if (t.isMainThread) new t.Worker(__filename).on('message', m => console.log(m)); else t.parentPort.postMessage('hello from node');\n")
	for _, c := range []struct {
		needs, flags, line, want string
		within                   time.Duration
	}{
		{"bash", "", `set -o pipefail; for i in 1 2 3; do echo $i; done | tac | tr '\n' ' '; cat <(echo sub)`, "3 2 1 sub", 0},
		{"/usr/bin/python3", "", `/usr/bin/python3 -c 'import subprocess, threading, sqlite3, socket, tempfile, multiprocessing as m
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()
print(subprocess.check_output(["uname"], text=True).strip())
with m.Pool(2) as p: print(sum(p.map(abs, range(-5, 5))))
s = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname()); print("socket")'`, "thread\nLinux\n25\nsocket", 0},
		{"git", "", `cd /tmp && git init -q r && cd r && cp /tmp/p/main.go . && git add . && git -c user.name=n -c user.email=e@x commit -qm first && git log --format=%s && git gc -q && git fsck`, "first", 0},
		{"gcc", "", `cd /tmp && gcc -O2 -o hello /tmp/p/hello.c -lpthread && ./hello`, "hello from c", 0},
		{goBin, "--rlimit=nofile=1024", "cd /tmp && cp -r /tmp/p w && cd w && HOME=/tmp GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 " + goBin + " build -o hello . && ./hello", "hello from go", 5 * time.Minute}, // go builds its standard library first
		{"node", "", "node /tmp/p/hello.js", "hello from node", 0},
	} {
		t.Run(filepath.Base(c.needs), func(t *testing.T) {
			needProgram(t, c.needs)
			args := append(strings.Fields(c.flags), "-a", project+":/tmp/p:ro", "--", "bash", "-c", c.line)
			r := job{args: args, within: c.within}.run(t)
			if r.status != 0 || strings.TrimSpace(r.out) != c.want {
				t.Errorf("%v\nwant %q", r, c.want)
			}
		})
	}
	// The host's private directories are empty, and the tree is read-only.
	got := ok(t, "--", "sh", "-c", "ls -A /root /home /run /tmp /var/tmp | grep -v : | grep . ; touch /etc/x 2>/dev/null || touch /usr/x 2>/dev/null || echo read-only")
	if got != "read-only" {
		t.Errorf("%q", got)
	}
}

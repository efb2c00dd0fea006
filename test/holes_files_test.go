// Holes 26, 35, 38, 39 and 43 of tools of this class: symlinks, sockets, descriptors and files.
// Each test runs the attack in a container, where it must fail.
package test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// If the root directory has a procfs, that has symlinks out of any root. No destination may lead
// through one of them. All other symlinks are followed inside.
func TestHole26MagicLinks(t *testing.T) {
	dir := tree(t)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	mkdir(t, outside)
	noLeaks(t, dir, outside)
	for _, link := range []string{"/proc/self/cwd/../" + filepath.Base(outside), "/proc/self/root" + outside, outside, "../outside"} {
		name := filepath.Join(dir, "led")
		if err := os.Symlink(link, name); err != nil {
			t.Fatal(err)
		}
		into, tmpfs := tincan(t, "-m", dir, "-a", dir+"/etc:/led/made", "--", "ls", "/led/made"), tincan(t, "-m", dir, "--tmpfs=/led", "--", "ls", "/led/")
		if strings.HasPrefix(link, "/proc") {
			refused(t, into, "/led/made in the container leads to /proc/", "/proc, which is the container's own")
			refused(t, tmpfs, "/led in the container leads to /proc/", "/proc, which is the container's own")
		} else if into.status != 0 || into.out != "mine\n" || tmpfs.status != 0 || tmpfs.out != "" {
			t.Errorf("%s: %v\n%v", link, into, tmpfs)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if all, _ := os.ReadDir(outside); len(all) != 0 {
			t.Errorf("%s: made on the host: %v", link, all)
		}
	}
}

// A read-only mount does not prevent programs from connecting to sockets or writing to FIFOs in it.
func TestHole35SocketsOfTheTree(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	var sockets, fifos []string
	dir := func(path string) string {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(path) })
		return path
	}
	socket := func(path string) {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		os.Chmod(path, 0o777)
		sockets = append(sockets, path)
	}
	name := uniqueName()
	lib := dir("/var/lib/" + name)
	socket(lib + "/a socket\n")
	socket(dir("/srv/"+name) + "/socket")
	socket(dir("/opt/"+name) + "/socket")
	socket("/var/" + name)
	fifo := lib + "/fifo"
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(fifo, 0o666)
	r, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fifos = append(fifos, fifo)
	inside := []string{"-a", probeBin + ":/tmp/probe", "--", "/tmp/probe", "connect"}
	for as, before := range map[string][]string{"root": nil, "user": becomeUser(t, "single")} {
		args := append(inside, sockets...)
		if as == "user" {
			args = append([]string{"--no-cgroup"}, args...)
		}
		got := parseProbe(job{before: before, args: args}.run(t))
		for _, s := range sockets {
			if strings.Contains(s, "\n") {
				continue // the probe prints a line for each
			}
			expect(t, got, s, "ECONNREFUSED")
		}
		args = append([]string{"--no-cgroup", "--", "sh", "-c", `for f; do echo hello >"$f"; test -c "$f" || echo "$f is there"; done`, "sh"}, append(fifos, sockets...)...)
		if r := (job{before: before, args: args}).run(t); r.out != "" {
			t.Errorf("as %s: %v", as, r)
		}
		if n, _ := r.Read(make([]byte, 100)); n > 0 {
			t.Errorf("as %s: the host's FIFO took what the command wrote", as)
		}
		for _, private := range []string{"/var/log", "/var/spool", "/var/cache"} {
			args := []string{"--no-cgroup", "--", "ls", "-A", private}
			if r := (job{before: before, args: args}).run(t); r.status != 0 || r.out != "" {
				t.Errorf("as %s, %s: %v", as, private, r)
			}
		}
	}
	// A socket that was asked for is there.
	got := parseProbe(tincan(t, append([]string{"-a", "/srv/" + name + ":/srv/" + name}, append(inside, "/srv/"+name+"/socket")...)...))
	expect(t, got, "/srv/"+name+"/socket", "ok")
}

// A standard descriptor that is a directory of the host would lead out of the container.
func TestHole38Descriptors(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	srv, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for i, name := range []string{"input", "output"} {
		var errs strings.Builder
		c := exec.Command(tincanBin, forUser([]string{"-m", dir, "--", "ls", "/proc/self/fd/0/..", "/proc/self/fd/1/.."})...)
		c.Stderr = &errs
		if c.Stdin = srv; i == 1 {
			c.Stdin, c.Stdout = nil, srv
		}
		c.Run()
		if c.ProcessState.ExitCode() != 125 || !strings.Contains(errs.String(), "standard "+name+" is a directory of the host") {
			t.Errorf("%v: %s", c.ProcessState, errs.String())
		}
	}
}

// A file that the command may only read must not become writable through /proc/self/fd/0.
func TestHole38ReadOnlyInput(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	files := publicDir(t, 0o755)
	file := files + "/a file"
	const attack = `cat; for how in '>' '>>' '<>'; do eval "echo spoiled $how/proc/self/fd/0" 2>&1 && echo written; done; : `
	inside := []string{"-m", dir, "--", "sh", "-c", attack}
	for _, mode := range []os.FileMode{0o644, 0o666, 0o600} {
		write(t, file, "first\nsecond\n")
		os.Chmod(file, mode)
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		in.Seek(6, io.SeekStart)
		r := job{in: in, args: inside}.run(t)
		in.Close()
		if !strings.HasPrefix(r.out, "second\n") || strings.Contains(r.out, "written") || read(t, file) != "first\nsecond\n" || r.status != 0 {
			t.Errorf("mode %o: %v\nand the file: %q", mode, r, read(t, file))
		}
	}
	// If the caller has opened the file for writing, the command may write to it.
	os.Chmod(file, 0o666)
	in, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if r := (job{in: in, args: inside}).run(t); strings.Count(r.out, "written") != 3 {
		t.Errorf("open for writing: %v", r)
	}
	// A file without a name, like a shell's here-document.
	os.Remove(file)
	write(t, file, "no name\n")
	gone, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	os.Remove(file)
	if r := (job{in: gone, args: []string{"-m", dir, "--", "cat"}}).run(t); r.out != "no name\n" || r.status != 0 || r.err != "" {
		t.Errorf("without a name: %v", r)
	}
	// A name that meanwhile belongs to another file.
	write(t, file, "moved\n")
	os.Chmod(file, 0o666)
	moved, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	if err := os.Link(file, files+"/other"); err != nil {
		t.Fatal(err)
	}
	os.Remove(file)
	refused(t, job{in: moved, args: inside}.run(t), "standard input", "use a pipe")
}

// Until execve, the process is tincan, and /proc/self/exe is tincan's file. No way to execute a
// command may lead there. In 0.1.0, each of these commands ran tincan inside.
func TestHole39OwnFileInside(t *testing.T) {
	dir := tree(t)
	os.Symlink("/proc/self/exe", dir+"/bin/to-exe")
	os.Symlink("to-exe", dir+"/bin/second")
	for name, first := range map[string]string{
		"script": "/proc/self/exe", "argument": "/proc/self/exe --", "behind-a-link": "/bin/to-exe", "thread": "/proc/thread-self/exe",
		"dots": "/proc/1/../self/./exe", "two": "/bin/script", "blanks": " \t/proc/self/exe\t x",
	} {
		write(t, dir+"/bin/"+name, "#!"+first+"\n")
		os.Chmod(dir+"/bin/"+name, 0o755)
	}
	loaded := elfWithInterpreter("/proc/self/exe")
	write(t, dir+"/bin/loaded", string(loaded))
	os.Chmod(dir+"/bin/loaded", 0o755)
	noLeaks(t, dir)
	for _, command := range []string{
		"/proc/self/exe", "/proc/thread-self/exe", "/bin/to-exe", "/bin/second", "to-exe", "second",
		"/bin/script", "/bin/argument", "/bin/behind-a-link", "/bin/thread", "/bin/dots", "/bin/two", "/bin/blanks", "script", "/bin/loaded",
	} {
		for _, more := range [][]string{nil, {"--no-init"}, {"--seccomp=none"}, {"--ephemeral"}} {
			r := tincan(t, append(append([]string{"-m", dir}, more...), "--", command, "--version")...)
			wantFailure(t, r, 126, "RESOLVE_NO_MAGICLINKS", "ELOOP")
		}
	}
	// The init's file is closed to the command. Files that the command was given must still
	// work.
	wantFailure(t, tincan(t, "-m", dir, "--", "/proc/1/exe"), 126, "EACCES")
	busybox, err := os.Open("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	defer busybox.Close()
	for _, name := range []string{"/proc/self/fd/3", "/dev/fd/3"} {
		if r := (job{files: []*os.File{busybox}, args: []string{"-m", dir, "--pass-fd=3", "--", name, "echo", "ran"}}).run(t); r.status != 0 && !strings.Contains(r.err+r.out, "applet not found") {
			t.Errorf("--pass-fd=3 -- %s: %v", name, r)
		}
	}
	if r := (job{in: busybox, args: []string{"-m", dir, "--", "/dev/stdin"}}).run(t); r.status == 126 {
		t.Errorf("a program as standard input: %v", r)
	}
}

// elfWithInterpreter returns the beginning of a dynamically linked program.
func elfWithInterpreter(name string) []byte {
	b := make([]byte, 4096)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	machine := map[string]uint16{"amd64": 62, "arm64": 183, "riscv64": 243}[runtime.GOARCH]
	le.PutUint16(b[16:], 2) // ET_EXEC
	le.PutUint16(b[18:], machine)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[24:], 0x10000)
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[52:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 2)
	header := func(at int, kind, flags uint32, offset, addr, size uint64) {
		le.PutUint32(b[at:], kind)
		le.PutUint32(b[at+4:], flags)
		for i, v := range []uint64{offset, addr, addr, size, size, 4096} {
			le.PutUint64(b[at+8+8*i:], v)
		}
	}
	header(64, 3, 4, 2048, 0x10800, uint64(len(name)+1)) // PT_INTERP, after the first 1024 bytes
	header(120, 1, 5, 0, 0x10000, 4096)                  // PT_LOAD
	copy(b[2048:], name)
	return b
}

// --stats must write to regular files only. An empty last argument must not keep the host's command
// line readable inside.
func TestHole43WhatOthersCanDeny(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	place := t.TempDir()
	victim, link, fifo := place+"/victim", place+"/link", place+"/fifo"
	write(t, victim, "the victim's")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{link, fifo} {
		refused(t, job{args: []string{"--stats=" + file, "-m", dir, "--", "true"}, within: 10 * time.Second}.run(t), "--stats="+file, "a symlink, a FIFO")
	}
	refused(t, job{args: []string{"--seccomp=" + fifo, "-m", dir, "--", "true"}, within: 10 * time.Second}.run(t), "--seccomp="+fifo, "not a regular file")
	if got := read(t, victim); got != "the victim's" {
		t.Errorf("the link was written through: %q", got)
	}
	for _, args := range [][]string{{"cat", "/proc/1/cmdline", ""}, {"sh", "-c", "cat /proc/1/cmdline", "secret-word", ""}} {
		r := tincan(t, append([]string{"-m", dir, "--hostname=secret-word", "--"}, args...)...)
		if strings.Contains(r.out, "secret-word") || !strings.HasPrefix(r.out, "tincan-init") {
			t.Errorf("%q: %q", args, r.out)
		}
	}
}

// tincan record --files and --apparmor-out, without a container.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestRecordPaths checks which paths are found in the arguments of calls. The recorder reads this
// test's own memory.
func TestRecordPaths(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, d := range []string{"d", "e"} {
		os.Mkdir(d, 0o755)
	}
	os.Symlink("d", "link")
	os.WriteFile("d/file", nil, 0o644)
	open, err := os.Open("d")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	var keepAlive [][]byte
	at := func(s string) uint64 {
		b := append([]byte(s), 0)
		keepAlive = append(keepAlive, b)
		return uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	sock := func(s string) []uint64 {
		b := append([]byte{unix.AF_UNIX, 0}, s...)
		keepAlive = append(keepAlive, b)
		return []uint64{9, uint64(uintptr(unsafe.Pointer(&b[0]))), uint64(len(b))}
	}
	here := uint64(uint32(0xffffff9c)) // AT_FDCWD
	for _, c := range []struct {
		call string
		args []uint64
		want string
	}{
		{"openat", []uint64{here, at("link/file"), unix.O_RDONLY}, "r d/file"},
		{"openat", []uint64{here, at("link/file"), unix.O_RDWR | unix.O_CREAT}, "rw d/file"},
		{"openat", []uint64{here, at("link/../e"), unix.O_RDONLY | unix.O_DIRECTORY}, "r e/"},
		{"openat", []uint64{here, at("new"), unix.O_RDONLY | unix.O_CREAT}, "rw new"},
		{"openat", []uint64{here, at("new"), unix.O_RDONLY}, ""},
		{"openat", []uint64{here, at("d/file"), unix.O_PATH}, ""},
		{"openat", []uint64{here, at("d/file"), unix.O_WRONLY | unix.O_TRUNC}, "w d/file"},
		{"openat", []uint64{here, at("d"), unix.O_TMPFILE | unix.O_RDWR}, "rw d/#*"},
		{"openat", []uint64{uint64(open.Fd()), at("file"), unix.O_RDONLY}, "r d/file"},
		{"openat", []uint64{here, at(dir + "/d/file"), unix.O_RDONLY}, "r d/file"},
		{"openat", []uint64{here, 1, unix.O_RDONLY}, ""},
		{"mkdirat", []uint64{here, at("link/new")}, "w d/new/"},
		{"unlinkat", []uint64{here, at("link")}, "w link"},
		{"symlinkat", []uint64{at("x"), here, at("e/s")}, "w e/s"},
		{"renameat2", []uint64{here, at("d/file"), here, at("e/file")}, "w d/file w e/file"},
		{"linkat", []uint64{here, at("d/file"), here, at("e/file")}, "rwl d/file rwl e/file"},
		{"execve", []uint64{at("d/file")}, "rmx d/file"},
		{"execve", []uint64{at("no/such")}, ""},
		{"execveat", []uint64{uint64(open.Fd()), at("file")}, "rmx d/file"},
		{"connect", sock("e/socket"), "rw e/socket"},
		{"connect", sock("\x00abstract"), ""},
		{"flock", []uint64{uint64(open.Fd()), 2}, "k d"},
		{"fcntl", []uint64{uint64(open.Fd()), unix.F_SETLK}, "k d"},
		{"fcntl", []uint64{uint64(open.Fd()), unix.F_GETFD}, ""},
		{"mmap", []uint64{0, 1, unix.PROT_EXEC, unix.MAP_PRIVATE, uint64(open.Fd())}, "rm d"},
		{"mmap", []uint64{0, 1, unix.PROT_READ, unix.MAP_PRIVATE, uint64(open.Fd())}, ""},
	} {
		var args [6]uint64
		copy(args[:], c.args)
		var got []string
		for _, p := range pathsOf(c.call) {
			if file, done := p.look(os.Getpid(), &args); file != "" {
				got = append(got, letters(done)+" "+strings.TrimPrefix(file, dir+"/"))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s %#x: %q, want %q", c.call, c.args, s, c.want)
		}
	}
	if len(keepAlive) == 0 {
		t.Fatal()
	}
}

// TestRecordGlobs checks how paths become patterns in the AppArmor profile.
func TestRecordGlobs(t *testing.T) {
	f := newFileUses()
	f.files = map[string]int{
		"/etc/passwd": useRead, "/usr/lib/x/libc.so": useRead | useMap, "/usr/lib/x/data": useWrite, "/usr/share/a/b": useRead, "/tmp/x9": useWrite, "/tmp/d/": useRead,
		"/proc/[0-9]*/fd": useRead, "/srv/a b,*": useRead, "/usr/bin/x": useExec | useRead | useMap, "/srv/d/#*": useRead | useWrite, "/": useRead,
	}
	for i := range manyFiles {
		f.files[fmt.Sprint("/data/r", i)] = useRead
		f.files[fmt.Sprint("/etc/many/", i)] = useRead
	}
	f.files["/data/w"] = useWrite
	for i := range manyBelow {
		f.files[fmt.Sprint("/opt/go/src/", i, "/x")] = useRead
	}
	want := map[string]int{
		"/etc/passwd": useRead, libraries: useRead | useMap, "/usr/lib/x/data": useWrite, "/usr/share/**": useRead, "/tmp/**": useRead | useWrite,
		"/proc/[0-9]*/fd{,/}": useRead, `/srv/a?b?\*`: useRead, "/usr/bin/x": useExec | useRead | useMap, "/srv/d/#*": useRead | useWrite, "/": useRead,
		"/data/*": useRead, "/data/w": useWrite, "/opt/go/**": useRead,
	}
	for i := range manyFiles {
		want[fmt.Sprint("/etc/many/", i)] = useRead
	}
	got := f.globbed()
	a, _ := json.MarshalIndent(got, "", " ")
	b, _ := json.MarshalIndent(want, "", " ")
	if string(a) != string(b) {
		t.Errorf("%s\nwant %s", a, b)
	}
	for file, want := range map[string]string{
		"/proc/self/status": "/proc/[0-9]*/status", "/proc/17/task/18/comm": "/proc/[0-9]*/task/[0-9]*/comm", "/proc/sys/kernel/pid_max": "/proc/sys/kernel/pid_max",
		"/proc/self/fd/3": "/proc/[0-9]*/fd/3", "/proc/loadavg": "/proc/loadavg", "/srv/1": "/srv/1", "/proc/thread-self/attr/current": "/proc/[0-9]*/attr/current",
	} {
		if got := shared(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
	for file, want := range map[string]string{"/x/web.aa": "tincan-web", "a b": "tincan-a_b", ".": "tincan-"} {
		if got := profileName(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

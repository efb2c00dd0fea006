// --here and :idmap: the command works on the files of the caller's directory.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// hereScript prints its user and directory, and makes a file.
const hereScript = "#!/bin/sh\nid -u; pwd; echo made >made; chmod 4755 made 2>/dev/null; cat given; ls -A\n"

// workDir returns a directory with a script and a file, which belong to the given ids.
func workDir(t *testing.T, parent string, uid, gid int) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "tincan-here-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write(t, dir+"/script", hereScript)
	write(t, dir+"/given", "given\n")
	for file, mode := range map[string]os.FileMode{"": 0o700, "/script": 0o700, "/given": 0o600} {
		os.Chmod(dir+file, mode)
		if asUser == "" {
			os.Chown(dir+file, uid, gid)
		}
	}
	return dir
}

// ownerOf returns the owner and the mode of a file.
func ownerOf(t *testing.T, file string) (uid, gid int, mode os.FileMode) {
	t.Helper()
	fi, err := os.Lstat(file)
	if err != nil {
		t.Fatal(err)
	}
	st := fi.Sys().(*syscall.Stat_t)
	return int(st.Uid), int(st.Gid), fi.Mode()
}

// TestHere checks that a script in the current directory runs and can write, wherever that
// directory is.
func TestHere(t *testing.T) {
	parents, owners := []string{"/tmp", "/var/tmp", "/dev/shm"}, [][2]int{{os.Getuid(), os.Getgid()}}
	if asUser == "" {
		needRoot(t)
		parents = append(parents, "/root", "/home", "/srv")
		owners = append(owners, [2]int{4321, 4320}, [2]int{10000, 10000}, [2]int{10000, 0}, [2]int{33, 1000})
	}
	for _, parent := range parents {
		for _, o := range owners {
			t.Run(fmt.Sprintf("%s/%d:%d", parent, o[0], o[1]), func(t *testing.T) {
				dir := workDir(t, parent, o[0], o[1])
				noLeaks(t)
				r := job{args: []string{"--here", "--", "./script"}, dir: dir}.run(t)
				if want := "0\n" + dir + "\ngiven\ngiven\nmade\nscript\n"; r.status != 0 || r.out != want || r.err != "" {
					t.Fatalf("want %q\n%v", want, r)
				}
				group := o[1]
				if o == [2]int{10000, 0} { // the directory belongs to the container's user, so --here changes no owners
					group = 10000
				}
				if uid, gid, mode := ownerOf(t, dir+"/made"); uid != o[0] || gid != group || mode != 0o644 {
					t.Errorf("the new file belongs to %d:%d, mode %v, the directory to %d:%d", uid, gid, mode, o[0], o[1])
				}
				r = job{args: []string{"--here=ro", "--", "sh", "-c", "cat given; pwd; echo x >another"}, dir: dir}.run(t)
				if want := "given\n" + dir + "\n"; r.out != want || !strings.Contains(r.err, "Read-only") {
					t.Errorf("--here=ro: want %q\n%v", want, r)
				}
				if exists(dir + "/another") {
					t.Error("--here=ro: the command could write")
				}
			})
		}
	}
}

// TestHereBelowClosed checks --here below a directory that the command may not enter.
func TestHereBelowClosed(t *testing.T) {
	needRoot(t)
	closed := workDir(t, "/srv", 0, 0)
	noLeaks(t, closed)
	for _, o := range [][2]int{{0, 0}, {4321, 4320}} {
		dir := workDir(t, closed, o[0], o[1])
		r := job{args: []string{"--here", "--", "sh", "-c", "./script; ls " + closed}, dir: dir}.run(t)
		if want := "0\n" + dir + "\ngiven\ngiven\nmade\nscript\n" + filepath.Base(dir) + "\n"; r.out != want || r.err != "" {
			t.Errorf("want %q\n%v", want, r)
		}
		os.RemoveAll(dir)
	}
}

// TestHereIsAsked combines --here with a root directory, another user and another working
// directory, and checks the errors of directories that cannot be used.
func TestHereIsAsked(t *testing.T) {
	root := tree(t)
	dir := workDir(t, t.TempDir(), 4321, 4321)
	noLeaks(t, root)
	os.Chmod(reachable(dir), 0o755)
	if r := (job{args: []string{"-m", root, "--here", "--", "./script"}, dir: dir}).run(t); r.status != 0 || !strings.Contains(r.out, dir) {
		t.Errorf("with -m: %v", r)
	}
	if r := (job{args: []string{"--here", "-w", "/etc", "--", "/bin/pwd"}, dir: dir}).run(t); r.out != "/etc\n" {
		t.Errorf("with -w: %v", r)
	}
	for place, texts := range map[string][]string{"/": {"the whole host"}, "/proc": {"/proc, which is the container's own"}, "/sys/kernel": {"/sys, which is the container's own"}} {
		refused(t, job{args: []string{"--here", "--", "true"}, dir: place}.run(t), append(texts, "--here")...)
	}
	for flag, text := range map[string]string{"--here=": "empty", "--here=rx": "write --here=ro"} {
		refused(t, tincan(t, flag, "--", "true"), text)
	}
	gone := t.TempDir() + "/gone"
	mkdir(t, gone)
	r := job{before: []string{"sh", "-c", `rmdir "$PWD"; exec "$0" "$@"`}, args: []string{"--here", "--", "true"}, dir: gone}.run(t)
	refused(t, r, "has been removed")
	if asUser == "" {
		made := dir + "/made"
		os.Remove(made)
		r := job{args: []string{"-u", "33", "--gid=7", "--here", "--", "sh", "-c", "id -u; echo >made"}, dir: dir}.run(t)
		if uid, gid, _ := ownerOf(t, made); r.out != "33\n" || uid != 4321 || gid != 4321 {
			t.Errorf("-u 33: %d:%d\n%v", uid, gid, r)
		}
	}
}

// TestIdmap checks that the owner of an added directory is the command's user inside, that other
// owners are nobody, and that only the owner's files can be changed.
func TestIdmap(t *testing.T) {
	needRoot(t)
	dir := reachable(workDir(t, t.TempDir(), 4321, 4320))
	write(t, dir+"/roots", "x")
	os.Chmod(dir+"/roots", 0o666)
	noLeaks(t)
	add := dir + ":/data:idmap"
	if out := ok(t, "-a", add, "--", "stat", "-c", "%u:%g", "/data", "/data/given", "/data/roots"); out != "0:0\n0:0\n65534:65534" {
		t.Errorf("inside: %q", out)
	}
	if out := ok(t, "-a", add, "-u", "5", "--gid=6", "--", "stat", "-c", "%u:%g", "/data/given"); out != "5:6" {
		t.Errorf("-u 5 --gid=6: %q", out)
	}
	if r := tincan(t, "-a", add, "--", "sh", "-c", "echo >/data/roots"); r.status == 0 {
		t.Errorf("the command could write to root's file: %v", r)
	}
	if r := tincan(t, "-a", add+":ro", "--", "sh", "-c", "cat /data/given; echo >/data/x"); r.out != "given\n" || !strings.Contains(r.err, "Read-only") {
		t.Errorf("idmap:ro: %v", r)
	}
	// Several owners, and one of the directories twice.
	other := workDir(t, t.TempDir(), 4325, 4320)
	ok(t, "-a", add, "-a", other+":/o:idmap", "-a", dir+":/e:ro:idmap", "--", "sh", "-c", "echo >/data/a; echo >/o/b; cat /e/a")
	if uid, gid, _ := ownerOf(t, other+"/b"); uid != 4325 || gid != 4320 {
		t.Errorf("%d:%d", uid, gid)
	}
	r := tincan(t, "-a", "/proc:/srv:ro:idmap", "--", "true")
	refused(t, r, "MOUNT_ATTR_IDMAP", "EINVAL", "/proc: its file system cannot", "leave :idmap out")
	if strings.Contains(r.err, "chown") {
		t.Errorf("read-only, and the advice is how to write: %v", r)
	}
	for _, words := range []string{"idmap:idmap", "ro:rw", "idmapped", "idmap:ro:x"} {
		refused(t, tincan(t, "-a", dir+":/data:"+words, "--", "true"), "only ro (or rw) and idmap")
	}
}

// TestIdmapOfRoots checks that root's files can be given to the command only under a filter that
// refuses set-id modes.
func TestIdmapOfRoots(t *testing.T) {
	needRoot(t)
	roots, group := workDir(t, t.TempDir(), 0, 0), workDir(t, t.TempDir(), 4321, 42)
	for _, dir := range []string{roots, group} {
		add := dir + ":/data:idmap"
		ok(t, "-a", add, "--", "true")
		ok(t, "-a", add+":ro", "--seccomp=none", "--", "true")
		for _, flag := range []string{"--seccomp=none", "--seccomp=tutorial", "--seccomp=" + profileDir() + "/moby-default.json"} {
			refused(t, tincan(t, "-a", add, flag, "--", "true"), dir, "set-user-ID", flag)
		}
		refused(t, tincan(t, "-a", add, "--cap-add=SETFCAP", "--", "true"), "CAP_SETFCAP")
	}
	ok(t, "-a", workDir(t, t.TempDir(), 4321, 4321)+":/data:idmap", "--seccomp=none", "--", "true")
}

// TestIdmapByUsers checks that without root only the user's own files can be added with :idmap.
func TestIdmapByUsers(t *testing.T) {
	if asUser == "" {
		t.Skip("root: TestIdmap is for root")
	}
	dir := workDir(t, t.TempDir(), 0, 0)
	ok(t, "-a", dir+":/data:idmap", "--", "sh", "-c", "echo >/data/a")
	refused(t, tincan(t, "-a", "/usr:/srv:idmap", "--", "true"), "belongs to user 0", "only root")
}

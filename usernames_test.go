// Users by name: they are looked up in the container's own files, wherever symlinks lead.
package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUserNames checks -u with names and numbers.
func TestUserNames(t *testing.T) {
	top := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		file := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		os.Remove(file)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		file := filepath.Join(top, "tree", name)
		os.RemoveAll(file)
		if err := os.Symlink(to, file); err != nil {
			t.Fatal(err)
		}
	}
	const passwd, group = "tree/etc/passwd", "tree/etc/group"
	put(passwd, "# a comment\nroot:x:0:0:root:/root:/bin/sh\njoe:x:1000:100::/home/joe:/bin/sh\nbad:x:one:1::/:\nhalf:x:7\nnone:x::5::/:\nbig:x:4294967295:1::/:\nlast:x:9:9::/:/bin/sh")
	put(group, "root:x:0:\nusers:x:100:joe,ann\nstaff:x:50:\n")
	put("passwd", "outside:x:77:77::/:\n")
	fd, err := unix.Open(filepath.Join(top, "tree"), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	c := &config{root: root{dir: filepath.Join(top, "tree"), fd: fd}}
	ids := func(user string, uid, gid int) {
		t.Helper()
		if err := c.setUser(&runFlags{User: new(user)}); err != nil || c.uid != uid || c.gid != gid {
			t.Errorf("-u %s: %d:%d, %v, want %d:%d", user, c.uid, c.gid, err, uid, gid)
		}
	}
	wrong := func(user string, texts ...string) {
		t.Helper()
		err := c.setUser(&runFlags{User: new(user)})
		for _, text := range texts {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("-u %s: %d:%d, %v, want %q", user, c.uid, c.gid, err, text)
			}
		}
	}
	ids("joe", 1000, 100)
	ids("joe:staff", 1000, 50)
	ids("joe:7", 1000, 7)
	ids("5:users", 5, 100)
	ids("5:6", 5, 6)
	ids("5", 5, 5)
	ids("4294967294", 4294967294, 4294967294)
	ids("last", 9, 9)
	if err := c.setUser(&runFlags{User: new("joe"), GID: new(3)}); err != nil || c.uid != 1000 || c.gid != 3 {
		t.Error("-u joe --gid=3:", c.uid, c.gid, err)
	}
	wrong("4294967295", "neither a user's number, 0 to 4294967294, nor a name")
	wrong("-5", "neither a user's number")
	wrong("007", "neither a user's number")
	wrong("jo", "no user jo", "root, joe, bad")
	wrong("bad", `"one" where the number belongs`)
	wrong("half", "no user half")
	wrong("none", "no user none")
	wrong("big", `"4294967295" where the number belongs`)
	wrong("joe:joe", "no group joe")
	wrong("#", "no user #")

	// A symlink is followed inside the container.
	put("tree/usr/passwd", "inside:x:5:5::/:\n")
	for _, to := range []string{"/usr/passwd", "../usr/passwd", "../../../usr/passwd"} {
		link(to, "etc/passwd")
		ids("inside", 5, 5)
	}
	for _, to := range []string{filepath.Join(top, "passwd"), "../../passwd", "/proc/self/root/etc/passwd", "../../../../../../../../etc/passwd"} {
		link(to, "etc/passwd")
		wrong("outside", "looked up in the container's /etc/passwd")
		wrong("daemon", "looked up in the container's /etc/passwd")
	}
	link("/", "etc/passwd")
	wrong("joe", "not a regular file")
	os.Remove(filepath.Join(top, passwd))
	wrong("joe", "no such file", "or give the number")
	if err := unix.Mkfifo(filepath.Join(top, passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong("joe", "not a regular file")
}

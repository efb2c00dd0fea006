// The user's own directories, which are hidden without root.
package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestElsewhere checks that all places are found where other mounts show a directory.
func TestElsewhere(t *testing.T) {
	const mounts = "20 1 8:1 / / rw - ext4 a rw\n21 20 8:2 / /data rw - ext4 b rw\n22 20 8:2 /home /home rw - ext4 b rw\n" +
		"23 20 8:2 /home/joe/.ssh /srv/keys rw - ext4 b rw\n24 20 8:3 / /mnt rw - ext4 c rw\n25 20 8:2 /home/joe /srv/with\\040blank rw - ext4 b rw\n26 20 8:1 /srv/x /y rw - ext4 a rw\n"
	for dir, want := range map[string][]string{
		"/home/joe":  {"/data/home/joe", "/srv/with blank"},
		"/home":      {"/data/home"},
		"/homes/joe": nil,
		"/srv/x/joe": {"/y/joe"},
		"/mnt/joe":   nil,
		"/y":         {"/srv/x"},
	} {
		if got := elsewhere(dir, mountLines(mounts)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}

// TestHomes checks which directories are hidden for which $HOME and /etc/passwd.
func TestHomes(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"env", "passwd", "sockets"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("env", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	etcWith(t, map[string]string{"passwd": "joe:x:54321:1::" + dir + "/passwd:/bin/sh\n"})
	for _, c := range []struct {
		home string
		uid  int // joe's, or the owner of the directories
		want string
	}{
		{dir + "/env", 54321, "env sockets passwd"},
		{dir + "/link", 54321, "env sockets passwd"},
		{dir + "/none", 54321, "sockets passwd"},
		{"", 54321, "sockets passwd"},
		{"/", 54321, "sockets passwd"},
		{"env", 54321, "sockets passwd"},
		{"/usr/bin", 54321, "sockets passwd"},
		{dir + "/env", os.Geteuid(), "env sockets"},
	} {
		t.Setenv("HOME", c.home)
		t.Setenv("XDG_RUNTIME_DIR", dir+"/sockets")
		r := rootless{on: true, who: caller{uid: c.uid}}
		homes, err := r.homes()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range homes {
			if name, ok := strings.CutPrefix(h.dir, dir+"/"); ok {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("HOME=%s: %q, want %q", c.home, got, c.want)
		}
	}
	// A file that cannot be read may name a home directory, so nothing runs.
	hostEtc = t.TempDir()
	if err := os.Mkdir(filepath.Join(hostEtc, "passwd"), 0o700); err != nil {
		t.Fatal(err)
	}
	if homes, err := (&rootless{on: true}).homes(); err == nil {
		t.Errorf("without a readable passwd: %v", homes)
	}
	if homes, err := (&rootless{}).homes(); homes != nil || err != nil {
		t.Error("root:", homes, err)
	}
}

// TestIsHome checks which directories are not hidden, even if $HOME or /etc/passwd names them.
func TestIsHome(t *testing.T) {
	for _, c := range []struct {
		dir        string
		own, other bool
	}{
		{"/", false, false}, {"/usr/sbin", true, false}, {"/usr", true, false}, {"/dev", true, false}, {"/var", true, false},
		{"/var/www", true, true}, {"/srv/sftp/joe", true, true}, {"/usrlocal", true, true},
	} {
		if isHome(c.dir, true) != c.own || isHome(c.dir, false) != c.other {
			t.Errorf("%s: own %v, another's %v", c.dir, isHome(c.dir, true), isHome(c.dir, false))
		}
	}
}

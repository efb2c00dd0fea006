// Files of users: who owns those that the command makes, and which ones it must not see.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUserOwnsWhatIsMade checks that files which the command makes belong to the user or, with
// ranges and another id inside, to a subordinate id.
func TestUserOwnsWhatIsMade(t *testing.T) {
	u := newUser(t, "ranges")
	dir := u.tree(t)
	noLeaks(t, dir)
	share := filepath.Join(u.home, "share")
	mkdir(t, share)
	os.Chmod(share, 0o777)
	for _, c := range []struct {
		flags string
		want  string
	}{
		{"", fmt.Sprintf("%d:%d", testUser, testUser)},
		{fmt.Sprintf("-u 33 --map=33:%d:1", testUser), fmt.Sprintf("%d:%d", testUser, testUser)},
		{"-u 33", fmt.Sprintf("%d:%d", grantedFrom+32, grantedFrom+32)},
		{"-u 33 --gid=0", fmt.Sprintf("%d:%d", grantedFrom+32, testUser)},
		{"-u 1001", fmt.Sprintf("%d:%d", grantedFrom+2000, grantedFrom+2000)},
		{fmt.Sprintf("--map=0:%d:1000", grantedFrom), fmt.Sprintf("%d:%d", grantedFrom, grantedFrom)},
		{fmt.Sprintf("--map=0:%d:10 --map=100:%d:1 -u 100", grantedFrom+2000, testUser), fmt.Sprintf("%d:%d", testUser, testUser)},
	} {
		args := append(strings.Fields(c.flags), "-m", dir, "-a", share+":/share", "--", "sh", "-c", "touch /share/new /tmp/own; stat -c %u:%g /tmp/own")
		inside := u.ok(t, args...)
		out, _ := exec.Command("stat", "-c", "%u:%g", share+"/new").Output()
		if got := strings.TrimSpace(string(out)); got != c.want {
			t.Errorf("%q: made by %s (%s inside), want %s", c.flags, got, inside, c.want)
		}
		os.Remove(share + "/new")
	}
	// Package managers change owners.
	if got := u.ok(t, "-m", dir, "--", "sh", "-c", "touch /tmp/x && chown 33:42 /tmp/x && stat -c %u:%g /tmp/x"); got != "33:42" {
		t.Error("chown:", got)
	}
	single := newUser(t, "single")
	if r := single.run(t, "-m", single.tree(t), "--", "sh", "-c", "touch /tmp/x && chown 33:42 /tmp/x"); r.status == 0 {
		t.Error("with a single id, chown to another id works:", r)
	}
}

// TestUserFilesOutOfReach checks that the command sees neither the user's own files nor those of
// others in the host's tree.
func TestUserFilesOutOfReach(t *testing.T) {
	for _, as := range []string{"single", "ranges"} {
		u := newUser(t, as)
		noLeaks(t, u.home)
		key := u.home + "/.ssh/id"
		look := fmt.Sprintf("cat %s; ls -A %s /home /root /tmp /run; cat /etc/shadow", key, u.home)
		// The home directory is below /tmp, which is hidden anyway, so it is mounted at another
		// place.
		aside := filepath.Join("/srv", uniqueName())
		mkdir(t, aside)
		defer os.Remove(aside)
		u = u.with(fmt.Sprintf("mount --bind %s %s", u.home, aside))
		u.home = aside
		look = strings.ReplaceAll(look, key, aside+"/.ssh/id")
		r := u.run(t, "--", "sh", "-c", look)
		if strings.Contains(r.out, "secret") || strings.Contains(r.out, "root:*") || strings.Contains(r.out, ".ssh") {
			t.Errorf("%s: %v", as, r)
		}
		if got := u.ok(t, "-a", aside+"/.ssh:/tmp/ssh:ro", "--", "cat", "/tmp/ssh/id"); got != "secret" {
			t.Errorf("%s: with -a: %s", as, got)
		}
		// With a map without the user's own id, even added files cannot be read.
		if as == "ranges" {
			r := u.run(t, fmt.Sprintf("--map=0:%d:1000", grantedFrom), "-a", aside+"/.ssh/id:/tmp/id", "--", "cat", "/tmp/id")
			if r.status == 0 || strings.Contains(r.out, "secret") {
				t.Errorf("--map without the user's own id: %v", r)
			}
		}
	}
}

// TestUserHomesOutOfReach checks that a home directory is hidden, whoever owns it, at every place
// where a mount shows it.
func TestUserHomesOutOfReach(t *testing.T) {
	u := newUser(t, "single")
	places := filepath.Join("/srv", uniqueName())
	mkdir(t, places)
	t.Cleanup(func() { os.RemoveAll(places) })
	for _, d := range []string{"home", "second", "roots/up", "link"} {
		mkdir(t, filepath.Join(places, d))
	}
	for _, f := range []string{"roots/.key", "roots/up/key", "other"} {
		write(t, filepath.Join(places, f), "secret\n")
		os.Chown(filepath.Join(places, f), testUser, testUser)
		os.Chmod(filepath.Join(places, f), 0o600)
	}
	os.Symlink(places, filepath.Join(places, "link/up"))
	bound := u.with(fmt.Sprintf("mount --bind %[1]s %[2]s/home; mount --bind %[2]s/home %[2]s/second", u.home, places))
	for _, c := range []struct {
		u           user
		home, files string
	}{
		{bound, places + "/home", places + "/home/.ssh/id " + places + "/second/.ssh/id"},
		{bound, places + "/second", places + "/home/.ssh/id " + places + "/second/.ssh/id"},
		{bound, places + "/link/up/home/", places + "/home/.ssh/id " + places + "/link/up/second/.ssh/id"},
		{u, places + "/roots", places + "/roots/.key " + places + "/roots/up/key"},
	} {
		c.u.home = c.home
		look := "cat " + c.files
		if r := c.u.run(t, "-m", "/usr", "-a", places+":"+places, "-a", "/lib:/lib", "-a", "/lib64:/lib64", "--", "sh", "-c", look); r.out != "secret\nsecret\n" {
			t.Errorf("HOME=%s: with -a the files must be visible: %v", c.home, r)
		}
		if r := c.u.run(t, "--", "sh", "-c", look); r.out != "" || strings.Count(r.err, "No such file") != 2 {
			t.Errorf("HOME=%s: %v", c.home, r)
		}
	}
	// Other files of the user stay visible, as docs/rootless.md says.
	if got := u.ok(t, "--", "cat", places+"/other"); got != "secret" {
		t.Error(got)
	}
}

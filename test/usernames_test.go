package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamedUser checks what -u NAME takes from the container's /etc/passwd and /etc/group: the ids,
// the home directory if it exists, and the groups that the container's map contains.
func TestNamedUser(t *testing.T) {
	dir := tree(t)
	write(t, filepath.Join(dir, "etc/passwd"), "root:x:0:0::/root:/bin/sh\njoe:x:7:8::/home/joe:/bin/sh\nhomeless:x:9:9::/nonexistent:/bin/sh\nodd:x:10:10::home:/bin/sh\n")
	const groups = "root:x:0:\njoes:x:8:joe\nadm:x:4:homeless,joe\nusers:x:100:joe\ntwice:x:100:joe\nfar:x:4000000000:joe\nbad:x:y:joe\njo:x:5:jo\n"
	write(t, filepath.Join(dir, "etc/group"), groups)
	mkdir(t, filepath.Join(dir, "home/joe"))
	noLeaks(t)
	for _, c := range []struct{ flags, want string }{
		{"-u joe", "7 8 8,4,100 /home/joe"},
		{"-u joe:100", "7 100 100 /home/joe"},
		{"-u joe --gid=100", "7 100 100 /home/joe"},
		{"-u joe -e HOME=/etc", "7 8 8,4,100 /etc"},
		{"-u 7", "7 7 7 /tmp"},
		{"-u homeless", "9 9 9,4 /tmp"},
		{"-u odd", "10 10 10 /tmp"},
		{"-u root", "0 0 0 /root"},
	} {
		got := ok(t, append(append([]string{"-m", dir}, strings.Fields(c.flags)...), "--", "sh", "-c", `echo $(id -u) $(id -g) $(id -G | tr ' ' ,) $HOME`)...)
		if asUser == "single" { // the kernel lets nobody change groups there
			c.want = strings.NewReplacer(",4", "", ",100", "").Replace(c.want)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.flags, got, c.want)
		}
	}
	os.Remove(filepath.Join(dir, "etc/group"))
	if got := ok(t, "-m", dir, "-u", "joe", "--", "sh", "-c", "id -G"); got != "8" {
		t.Errorf("without /etc/group: %q", got)
	}
	os.Mkdir(filepath.Join(dir, "etc/group"), 0o755)
	refused(t, tincan(t, "-m", dir, "-u", "joe", "--", "true"), "-u joe: ", "/etc/group is not a regular file", "or give the group, joe:GROUP")
	os.Remove(filepath.Join(dir, "etc/group"))
	write(t, filepath.Join(dir, "etc/group"), groups)
	// The host's own tree, in which /home is private.
	if got := ok(t, "-u", "daemon", "--", "sh", "-c", "echo $HOME"); got != "/usr/sbin" && got != "/tmp" {
		t.Error(got)
	}
}

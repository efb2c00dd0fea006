// --ephemeral: the root can be written to, and all changes are gone at the end.
package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// changeRoot makes changes of every kind in the root directory of tree, and shows them.
const changeRoot = `set -e
echo more >>/etc/mine; mkdir /new /new/deep; echo x >/new/deep/file; rm /bin/awk; rm -r /sub; mkdir /sub; echo y >/sub/z
mv /etc /etc2; ln -s /etc2 /etc; chmod 600 /etc/mine; cat /etc/mine /new/deep/file /sub/*; ls /bin/awk || :`

// TestEphemeral changes a root directory.
func TestEphemeral(t *testing.T) {
	dir := tree(t)
	mkdir(t, dir+"/sub/a")
	write(t, dir+"/sub/a/file", "in\n")
	noLeaks(t, dir)
	r := tincan(t, "-m", dir, "--ephemeral", "--", "/bin/sh", "-c", changeRoot)
	if want := "the user's own\nmore\nx\ny\n"; r.status != 0 || r.out != want || !strings.Contains(r.err, "/bin/awk") {
		t.Errorf("want %q\n%v", want, r)
	}
	// Old and new files belong to the container, and no trace of the tmpfs is left.
	if out := ok(t, "-m", dir, "--ephemeral", "--", "/bin/sh", "-c", "echo >/x; stat -c %u:%g / /etc/mine /x; ls /"); !strings.HasPrefix(out, "0:0\n0:0\n0:0\nbin\ndev\netc\nproc\nsub\nsys\ntmp\nx") {
		t.Errorf("%q", out)
	}
	// Paths can be added at places that do not exist, and runs do not see each other's changes.
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			script := fmt.Sprintf("echo %d >/mine; sleep 0.3; cat /mine /new/x/file", i)
			r := tincan(t, "-m", dir, "--ephemeral", "-a", dir+"/sub/a:/new/x", "-a", dir+"/etc/mine:/etc/other/mine", "--", "/bin/sh", "-c", script)
			if want := fmt.Sprintf("%d\nin\n", i); r.status != 0 || r.out != want {
				t.Errorf("want %q\n%v", want, r)
			}
		})
	}
	wait.Wait()
	refused(t, tincan(t, "-m", dir, "--ephemeral", "--ro", "--", "true"), "--ro", "--ephemeral")
	refused(t, tincan(t, "-m", dir, "--ro", "-a", dir+"/sub:/etc/other/sub", "--", "true"), "/etc/other/sub does not exist", "leave --ro out")
}

// TestEphemeralHost checks that in the host's own tree files can be made, replaced and removed, and
// that what could not be read or changed without --ephemeral still cannot.
func TestEphemeralHost(t *testing.T) {
	added := t.TempDir()
	write(t, added+"/file", "added\n")
	noLeaks(t, "/usr/local", added)
	before := func() string {
		out, err := exec.Command("stat", "-c", "%n %i %a %u %y", "/", "/etc", "/etc/passwd", "/usr", "/usr/bin", "/var/lib").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	was := before()
	etc := "/etc"
	if asUser != "" {
		etc = "/opt" // these tests mount files with the user's name and ids in /etc
	}
	script := `mkdir /data && echo 1 >/data/x && echo 2 >$0/tincan-new && echo 3 >/usr/local/bin/tincan-new && echo 4 >/var/lib/tincan-new || exit 1
cat /data/x $0/tincan-new /usr/local/bin/tincan-new /var/lib/tincan-new /tmp/../usr/local/tincan/deep/file
sed 's/root/toor/' /etc/passwd >$0/p && mv -f $0/p $0/passwd && grep -c ^toor $0/passwd
rm -f /usr/bin/yes; ls /usr/bin/yes; ls /tmp /home`
	mounted := strings.Contains(read(t, "/proc/self/mountinfo"), " /etc/")
	r := tincan(t, "--ephemeral", "-a", added+":/usr/local/tincan/deep", "--", "sh", "-c", script, etc)
	if (asUser != "" && mounted) != strings.Contains(r.err, "tincan: --ephemeral: /etc stays read-only") {
		t.Errorf("the note about mounts in /etc: %v", r)
	}
	if !strings.HasPrefix(r.out, "1\n2\n3\n4\nadded\n1\n") || !strings.Contains(r.err, "/usr/bin/yes") || !strings.Contains(r.out, "/home:\n\n/tmp:\n") {
		t.Error(r)
	}
	if now := before(); now != was {
		t.Errorf("the host's files have changed:\n%s\n%s", was, now)
	}
	if r := tincan(t, "--ephemeral", "--", "sh", "-c", "cat /etc/shadow; echo >>/etc/group; ls /etc/ssl/private; ls /root"); r.out != "" || strings.Count(r.err, "ermission denied") < 2 {
		t.Errorf("the command can do more than without --ephemeral: %v", r)
	}
	for _, where := range []string{"/usr/local/tincan/deep", "/srv/tincan"} {
		refused(t, tincan(t, "-a", added+":"+where, "--", "true"), where+" does not exist", "--ephemeral")
	}
}

// TestEphemeralMemory checks that what is written counts as the container's memory.
func TestEphemeralMemory(t *testing.T) {
	needGroup(t)
	dir := tree(t)
	noLeaks(t, dir)
	for _, m := range [][]string{{"-m", dir}, nil} {
		r := tincan(t, append(m, "--ephemeral", "--memory=32M", "--", "sh", "-c", "head -c 100000000 /dev/zero >/big; ls /big")...)
		if r.status != 137 && !strings.Contains(r.err, "out of memory") {
			t.Errorf("%v: 100 MB in a container of 32 MiB: %v", m, r)
		}
	}
}

// TestEphemeralOwners uses directories that belong to root, to the container's ids, and to a user.
func TestEphemeralOwners(t *testing.T) {
	needRoot(t)
	for _, o := range []struct {
		uid, gid int
		flags    []string
		want     string
	}{
		{0, 0, nil, "0:0"}, {10000, 10000, nil, "0:0"}, {4321, 4320, nil, "0:0"}, {33, 34, nil, "0:0"},
		{0, 0, []string{"-u", "5"}, "0:0"}, {4321, 4320, []string{"-u", "5"}, "5:5"},
		{0, 0, []string{"--map=0:0:1000"}, "0:0"}, {0, 0, []string{"--map=0:500000:65536"}, "0:0"},
	} {
		dir := tree(t)
		exec.Command("chown", "-hR", fmt.Sprintf("%d:%d", o.uid, o.gid), dir).Run()
		noLeaks(t, dir)
		if r := tincan(t, append(o.flags, "-m", dir, "--ephemeral", "--", "/bin/stat", "-c", "%u:%g", "/etc/mine")...); r.out != o.want+"\n" {
			t.Errorf("owner %d:%d, %v: want %s inside\n%v", o.uid, o.gid, o.flags, o.want, r)
		}
		if len(o.flags) == 0 || o.flags[0] != "-u" || o.uid == 4321 {
			if r := tincan(t, append(o.flags, "-m", dir, "--ephemeral", "--", "/bin/sh", "-ec", "echo more >>/etc/mine; rm /bin/awk")...); r.status != 0 {
				t.Errorf("owner %d:%d, %v: %v", o.uid, o.gid, o.flags, r)
			}
		}
	}
}

// TestEphemeralMounts checks that other file systems below the root directory stay visible,
// read-only.
func TestEphemeralMounts(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	mkdir(t, dir+"/etc/sub/deep")
	noLeaks(t)
	for name, c := range map[string]struct{ script, point, inside string }{
		"tree":      {"mount -t tmpfs t %s; mkdir %[1]s/d; mount -t tmpfs u %[1]s/d; echo below >%[1]s/d/file", dir + "/etc/sub", "/etc/sub"},
		"two":       {"mount -t tmpfs t %s; mount -t tmpfs t2 %[1]s; mkdir %[1]s/d; echo below >%[1]s/d/file", dir + "/etc/sub/deep", "/etc/sub/deep"},
		"host":      {"mount -t tmpfs t %s; mkdir %[1]s/d; echo below >%[1]s/d/file", "/var/local", "/var/local"},
		"odd names": {`mount -t tmpfs t /opt; mkdir -p '/opt/a,b:c d'; cd '/opt/a,b:c d'; mkdir d; echo below >d/file; : %s`, "", "/opt/a,b:c d"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--ephemeral", "--", "sh", "-c", `cat "$0/d/file"; echo x >"$0/d/new" || echo no; echo x >/etc/new && cat /etc/new`, c.inside}
			if c.point != "/var/local" && name != "odd names" {
				args = append([]string{"-m", dir}, args...)
			}
			r := job{before: inMountNS(t, fmt.Sprintf(c.script, c.point)), args: args}.run(t)
			if want := "below\nno\nx\n"; r.status != 0 || r.out != want {
				t.Errorf("want %q\n%v", want, r)
			}
		})
	}
	// A mount on a single file, and a path that is to be added below another file system.
	r := job{before: inMountNS(t, "mount --bind /etc/hostname "+dir+"/etc/mine"), args: []string{"-m", dir, "--ephemeral", "--", "/bin/sh", "-c", "cat /etc/mine; echo >/etc/mine"}}.run(t)
	if host, _ := os.ReadFile("/etc/hostname"); r.out != string(host) || !strings.Contains(r.err, "Read-only") {
		t.Error(r)
	}
	r = job{before: inMountNS(t, "mount -t tmpfs t "+dir+"/etc/sub"), args: []string{"-m", dir, "--ephemeral", "-a", "/usr:/etc/sub/x/y", "--", "/bin/true"}}.run(t)
	refused(t, r, "/etc/sub/x/y does not exist and cannot be made", "/etc/sub stays read-only with --ephemeral")
}

// TestEphemeralClosed checks that a directory which other users may not list stays closed when a
// mount point is made in it.
func TestEphemeralClosed(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	before := inMountNS(t, "mount -t tmpfs t /opt; mkdir -m 700 /opt/closed /opt/closed/in; : >/opt/closed/secret; mkdir -m 755 /opt/open; : >/opt/open/file")
	r := job{before: before, args: []string{"--ephemeral", "-a", "/usr:/opt/closed/new", "-a", "/usr:/opt/open/new", "--", "sh", "-c", "ls /opt/open; ls /opt/closed; ls /opt/closed/in; stat -c %a:%u /opt/closed; rm /opt/closed/secret"}}.run(t)
	if want := "file\nnew\n700:65534\n"; r.out != want || strings.Count(r.err, "ermission denied") != 3 {
		t.Errorf("want %q\n%v", want, r)
	}
}

// TestEphemeralMountsByUsers checks mounts below the root directory without root: the kernel then
// does not let an overlay show what is below a mount.
func TestEphemeralMountsByUsers(t *testing.T) {
	needRoot(t)
	dir := reachable(tree(t))
	mkdir(t, dir+"/proc")
	noLeaks(t, dir)
	u := user{before: becomeUser(t, "single")}
	with := func(script string) []string { return u.with(script).before }
	r := job{before: with("mount -t tmpfs t " + dir + "/etc"), args: []string{"--no-cgroup", "-m", dir, "--ephemeral", "--", "/bin/true"}}.run(t)
	refused(t, r, "something is mounted on "+dir+"/etc", "for a user who is not root")
	// The same where the container mounts its own file system, and where the user may not look.
	r = job{before: with("mount -t proc p " + dir + "/proc"), args: []string{"--no-cgroup", "-m", dir, "--ephemeral", "--", "/bin/true"}}.run(t)
	refused(t, r, "something is mounted on "+dir+"/proc", "for a user who is not root")
	r = job{before: with("mount -t tmpfs t /var/tmp"), args: []string{"--no-cgroup", "--ephemeral", "--", "sh", "-c", "echo x >/var/lib/x || echo no; echo x >/usr/local/bin/x && cat /usr/local/bin/x"}}.run(t)
	if r.out != "no\nx\n" || !strings.Contains(r.err, "/var stays read-only: something is mounted on /var/tmp") {
		t.Error(r)
	}
	closed := "mount -t tmpfs t /opt; mkdir -m 700 /opt/closed; mkdir /opt/closed/in; mount -t tmpfs u /opt/closed/in"
	if r = (job{before: with(closed), args: []string{"--no-cgroup", "--ephemeral", "--", "sh", "-c", "ls /opt; echo x >/opt/x || echo no"}}).run(t); r.out != "closed\nno\n" {
		t.Errorf("a mount in a closed directory: %v", r)
	}
	r = job{before: with("mount -t tmpfs t /var/local"), args: []string{"--no-cgroup", "--ephemeral", "--", "sh", "-c", "echo x >/var/lib/x || echo no; echo x >/usr/local/bin/x && cat /usr/local/bin/x"}}.run(t)
	if r.out != "no\nx\n" {
		t.Error(r)
	}
}

// TestEphemeralSockets checks that a host's socket in the root directory cannot be connected to.
func TestEphemeralSockets(t *testing.T) {
	dir := tree(t)
	l, err := net.Listen("unix", dir+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	os.Chmod(dir+"/socket", 0o777)
	if out := ok(t, append([]string{"-m", dir}, probe("connect", "/socket")...)...); !strings.HasSuffix(out, ": ok") {
		t.Errorf("without --ephemeral it is the host's socket, but: %s", out)
	}
	if r := tincan(t, append([]string{"-m", dir, "--ephemeral"}, probe("connect", "/socket")...)...); !strings.HasSuffix(r.out, ": ECONNREFUSED\n") {
		t.Errorf("connected: %v", r)
	}
}

// TestAptInATree follows the recipe for a tree with packages. It also checks that Debian's package
// manager works in a tree of debootstrap with --ephemeral, and leaves it unchanged.
func TestAptInATree(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("-short: this takes half a minute, and the network")
	}
	needProgram(t, "debootstrap")
	work := t.TempDir()
	recipe := recipe(t, "A tree with packages")
	first := exec.Command("sh", "-c", recipe[0].Text)
	first.Dir = work
	if out, err := first.CombinedOutput(); err != nil {
		skip(t, "Debian's packages, over the network: %v\n%s", err, out)
	}
	typist{page: recipesPage, dir: work}.typeAll(t, recipe[1:])
	dir := work + "/plain"
	noLeaks(t, dir)
	flags := []string{"-m", dir, "--ephemeral", "--net=host", "--pids=200"}
	packages := "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq hello && hello"
	r := job{args: append(flags, "--cap-add=DAC_OVERRIDE,FSETID,SETFCAP", "--", "sh", "-c", packages), within: 5 * time.Minute}.run(t)
	if r.status != 0 || !strings.HasSuffix(r.out, "Hello, world!\n") {
		t.Errorf("hello: %v", r)
	}
	// A package with set-id programs needs a filter that allows their modes. nosuid makes them
	// harmless.
	packages = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq sudo openssh-client >/dev/null && stat -c %a /usr/bin/sudo && ssh -V"
	flags = append(flags, "--seccomp="+profileDir()+"/moby-default.json", "--cap-add=DAC_OVERRIDE,FSETID,SETFCAP,SYS_CHROOT,AUDIT_WRITE")
	if r := (job{args: append(flags, "--", "sh", "-c", packages), within: 5 * time.Minute}).run(t); r.status != 0 || !strings.Contains(r.out, "4755") {
		t.Errorf("sudo: %v", r)
	}
	t.Run("a tree that stays", func(t *testing.T) { packagesInTree(t, work+"/tree") })
}

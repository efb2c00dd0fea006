// tincan inside another container: in a user namespace, or as root without all capabilities.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUserNested runs tincan in another user namespace. It uses the ids that exist there, or its
// error says why it cannot.
func TestUserNested(t *testing.T) {
	needProgram(t, "unshare")
	u := newUser(t, "ranges")
	dir := u.tree(t)
	noLeaks(t, dir)
	for _, c := range []struct {
		before string
		says   string // the error; "" if it must work
	}{
		{"unshare -r", ""},
		{"unshare -c", ""},
		{"unshare -Urmpf --mount-proc", ""},
		{"unshare -Ur --map-auto", ""},
		{"unshare -U", "user 65534 is not mapped in the user namespace around tincan"},
		{"unshare -Urmpf", "/proc belongs to another PID namespace"},
	} {
		v := u
		v.before = append(slices.Clone(u.before), strings.Fields(c.before)...)
		r := v.run(t, "-m", dir, "--", "sh", "-c", "id -u; touch /tmp/x && mount -t tmpfs t /tmp || echo refused")
		if c.says != "" {
			refused(t, r, c.says)
		} else if r.status != 0 || r.out != "0\nrefused\n" {
			t.Errorf("%s: %v", c.before, r)
		}
	}
	v := u
	v.before = append(slices.Clone(u.before), "unshare", "-c")
	refused(t, v.run(t, "--map=0:700000:10", "--", "echo", "ran"), "--map: the user namespace around tincan does not contain these ids")
}

// TestRootWithLess runs tincan as root in another container: without CAP_SYS_ADMIN, or in a user
// namespace of one id.
func TestRootWithLess(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, before := range [][]string{
		{"setpriv", "--bounding-set=-sys_admin"},
		{"unshare", "-r"},
		{"unshare", "-r", "setpriv", "--bounding-set=-sys_admin"},
	} {
		needProgram(t, before[0])
		r := job{before: before, args: []string{"--no-cgroup", "-m", dir, "--", "sh", "-c", "id -u; touch /tmp/x && mount -t tmpfs t /tmp || echo refused"}}.run(t)
		if r.out != "0\nrefused\n" || r.status != 0 {
			t.Errorf("%q: %v", before, r)
		}
	}
}

// TestRootWithoutOne runs tincan as root without one capability. It works, or its error names the
// capability.
func TestRootWithoutOne(t *testing.T) {
	needRoot(t)
	needProgram(t, "setpriv")
	dir := tree(t)
	noLeaks(t, dir)
	less := func(cap string, args ...string) result {
		return job{before: []string{"setpriv", "--bounding-set=-sys_admin,-" + cap}, args: append(append([]string{"--no-cgroup"}, args...), "-m", dir, "--", "cat", "/proc/self/uid_map")}.run(t)
	}
	for _, c := range []string{"setuid", "setgid", "sys_admin"} {
		if r := less(c, "--map=0:0:1"); r.status != 0 || strings.Join(strings.Fields(r.out), " ") != "0 0 1" {
			t.Errorf("without %s, --map=0:0:1: %v", c, r)
		}
	}
	refused(t, less("setfcap"), `write("/proc/PID/uid_map"`, "EPERM", "CAP_SETFCAP", "--cap-add=SETFCAP")
	r := job{before: []string{"setpriv", "--bounding-set=-net_admin"}, args: []string{"--no-cgroup", "-m", dir, "--", "echo", "ran"}}.run(t)
	refused(t, r, "SIOCSIFFLAGS", "EPERM", "--cap-add=NET_ADMIN", "--net=host")
}

// TestRootInChroot runs tincan in a chroot, where the kernel makes no user namespaces, even for
// root. The error must say what to do instead. In a chroot to a mount point, tincan notices only
// when it makes the user namespace.
func TestRootInChroot(t *testing.T) {
	dir := t.TempDir()
	fillTree(t, dir)
	for _, d := range []string{"proc", "sys", "dev", "tmp"} {
		mkdir(t, filepath.Join(dir, d))
	}
	write(t, filepath.Join(dir, "tincan"), "")
	noLeaks(t, dir)
	enter := fmt.Sprintf(`cd %q; mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount --bind "$0" tincan; exec chroot . /tincan "$@"`, dir)
	for first, step := range map[string]string{
		"": `mount(NULL, "/"`,
		fmt.Sprintf("mount --bind %[1]q %[1]q; ", dir): "unshare(CLONE_NEWUSER)",
	} {
		r := job{before: inMountNS(t, first+enter), args: []string{"--no-cgroup", "--", "/bin/echo", "ran"}}.run(t)
		refused(t, r, step, "chroot", "enter the directory with tincan -m")
	}
}

// TestGroupAtTheRootOfAMount runs tincan where a hierarchy of version 1 is mounted at its usual
// place, but shows only the caller's own group, as in other containers.
func TestGroupAtTheRootOfAMount(t *testing.T) {
	needRoot(t)
	if onV2() {
		t.Skip("version 2 of control groups has a single hierarchy")
	}
	needProgram(t, "unshare")
	dir, name := tree(t), uniqueName()
	noLeaks(t, dir)
	group := filepath.Join(groupParents()["memory"], name)
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	script := `echo $$ >"$1/cgroup.procs" && mount --bind "$1" /sys/fs/cgroup/memory && shift && exec "$@"`
	args := []string{"--hostname=" + name, "-m", dir, "--", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes"}
	r := job{before: []string{"unshare", "-m", "sh", "-c", script, "sh", group}, args: args}.run(t)
	if r.status != 0 || strings.TrimSpace(r.out) != "1073741824" {
		t.Errorf("%v, want the default limit", r)
	}
}

// Idmapped mounts: mount_setattr(2), MOUNT_ATTR_IDMAP. The container sees the owners that the files
// have on the disk, without a chown.
package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// idmapped mounts from on to, so that id N on the disk appears as the host's 10000+N, which is the
// container's N.
func idmapped(t *testing.T, from, to string) {
	t.Helper()
	holder := exec.Command("/vm/rootfs/bin/sleep", "1000")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 10000, Size: 2000}}
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Wait()
	defer holder.Process.Kill()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", holder.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	tree, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		t.Fatalf("open_tree: %v", err)
	}
	defer unix.Close(tree)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		t.Fatalf("mount_setattr(MOUNT_ATTR_IDMAP): %v", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		t.Fatalf("move_mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(to, unix.MNT_DETACH) })
}

// owner returns the owner and group of a file.
func owner(t *testing.T, file string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(file, &st); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return fmt.Sprintf("%d:%d", st.Uid, st.Gid)
}

// TestIdmappedAdd adds an idmapped directory.
func TestIdmappedAdd(t *testing.T) {
	disk := mountDisk(t)
	data, view := filepath.Join(disk, "data"), t.TempDir()
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, data+"/roots", "")
	write(t, data+"/users", "")
	os.Chown(data+"/users", 1000, 1001)
	idmapped(t, data, view)
	for _, init := range []string{"--init", "--no-init"} {
		name := strings.TrimPrefix(init, "--")
		r := run(t, in("stat -c %u:%g /data/roots /data/users; echo x >/data/new-"+name+"; mkdir /data/dir-"+name, init, "-a", view+":/data")...)
		if r.status != 0 || r.out != "0:0\n1000:1001\n" {
			t.Errorf("%s: %v", init, r)
		}
		for _, f := range []string{"/new-", "/dir-"} {
			if got := owner(t, data+f+name); got != "0:0" {
				t.Errorf("%s%s on the disk belongs to %s", f, name, got)
			}
		}
		// With another id inside.
		r = run(t, in("echo x >/data/dir-"+name+"/mine || echo refused", init, "-u", "1000", "-a", view+":/data")...)
		if r.out != "refused\n" {
			t.Errorf("uid 1000 may write to root's directory: %v", r)
		}
	}
	// Without the mapping, root's files on the disk belong to nobody inside.
	r := run(t, in("stat -c %u:%g /data/roots; echo x >/data/new || echo refused", "-a", data+":/data")...)
	if r.out != "65534:65534\nrefused\n" {
		t.Errorf("without the mapping: %v", r)
	}
}

// TestIdmappedRoot uses an idmapped root directory.
func TestIdmappedRoot(t *testing.T) {
	disk := mountDisk(t)
	tree, view := filepath.Join(disk, "root"), t.TempDir()
	os.Chmod(view, 0o755)
	if out, err := exec.Command("cp", "-a", root, tree).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	write(t, tree+"/users", "")
	os.Chown(tree+"/users", 1000, 1001)
	idmapped(t, tree, view)
	for _, flags := range [][]string{{"--init"}, {"--no-init"}, {"--tmpfs=/some/where"}} {
		args := append(append([]string{"-m", view}, flags...), "--", "sh", "-c", "stat -c %u:%g /bin /users; echo x >/new; mkdir /newdir && stat -c %u:%g /new")
		r := run(t, args...)
		if r.status != 0 || r.out != "0:0\n1000:1001\n0:0\n" {
			t.Errorf("%q: %v", flags, r)
			continue
		}
		for _, f := range []string{"/new", "/newdir"} {
			if got := owner(t, tree+f); got != "0:0" {
				t.Errorf("%q: %s on the disk belongs to %s", flags, f, got)
			}
			os.Remove(tree + f)
		}
	}
	entries, _ := os.ReadDir(tree)
	for _, e := range entries {
		if n := e.Name(); n != "bin" && n != "etc" && n != "users" && n != "lost+found" {
			t.Errorf("this was left in the root directory: %s", n)
		}
	}
}

// No contender may change the host's /dev.
package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// node describes a file in /dev: what a run must not change.
type node struct {
	mode     fs.FileMode // with the kind of file
	uid, gid uint32
	rdev     uint64
	own      bool // on /dev's own file system, not in /dev/pts or /dev/shm, where other programs make and remove files
}

// devices returns all files in /dev.
func devices(t *testing.T) map[string]node {
	t.Helper()
	var top unix.Stat_t
	if err := unix.Stat("/dev", &top); err != nil {
		t.Fatal(err)
	}
	all := map[string]node{}
	err := filepath.WalkDir("/dev", func(path string, _ fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = os.Lstat(path)
		}
		if os.IsNotExist(err) {
			return nil // it was removed after its directory was read
		}
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		all[path] = node{info.Mode(), s.Uid, s.Gid, s.Rdev, s.Dev == top.Dev}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameDevices checks that the test does not change /dev.
func sameDevices(t *testing.T) {
	t.Helper()
	before := devices(t)
	for path, is := range before {
		if is.own && is.uid >= containerUser && is.uid < containerUser+2000 {
			t.Errorf("before the test, %s already belongs to uid %d, a container's user: chown 0:0 %[1]s", path, is.uid)
		}
	}
	t.Cleanup(func() {
		after := devices(t)
		for path, was := range before {
			if is, there := after[path]; is != was && (there || was.own) {
				t.Errorf("%s is now %+v, and was %+v", path, is, was)
			}
		}
		for path, is := range after {
			if _, there := before[path]; !there && is.own {
				t.Errorf("%s is new: %+v", path, is)
			}
		}
	})
}

// TestPeersLeaveDevices runs each contender in every way that the sections use, and checks that it
// changes nothing in the host's /dev. The contenders get another null device. crun must have given
// that one to the container's user, which it does before it finds out whether it can run at all.
// Otherwise this test would also pass if a contender got the host's device.
func TestPeersLeaveDevices(t *testing.T) {
	needs(t, "gcc", "busybox", "bwrap", "runc", "crun")
	sameDevices(t)
	s := testShop(t)
	trues, holds := s.contenders("/bin/true"), s.contenders("/bin/hold") // this also tries each contender once
	for _, c := range present(trues) {
		if _, err := c.once(c.line(0)); err != nil {
			t.Error(err)
		}
		if _, err := (&bench{workshop: s}).peak(c); err != nil {
			t.Error(err)
		}
	}
	for _, c := range present(holds) {
		h, err := hold()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.start(c, 1); err != nil {
			t.Error(err)
		}
		if err := h.end(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, c := range slices.Concat(trues, holds) {
		if c.absent != "" && (c.name == nameRunc || c.name == nameBwrap || c.name == nameTincan) {
			t.Errorf("%s: %s", c.name, c.absent)
		}
	}
	var null unix.Stat_t
	if err := unix.Fstat(int(nullDevice.Fd()), &null); err != nil {
		t.Fatal(err)
	}
	if null.Uid != containerUser {
		t.Errorf("the null device belongs to uid %d, not to the container's user: crun has not changed its owner", null.Uid)
	}
}

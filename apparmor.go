// Beside chapter 12: AppArmor, for hosts that have it.
//
// apparmor(7), lsm_set_self_attr (Documentation/userspace-api/lsm.rst), proc_pid_attr(5).
//
// A profile says which files, capabilities and sockets a program may use, by name and
// from outside; whoever loads it is the host's root, before tincan runs. A process can
// only set its own label, so it is a step of the plan: it asks for the profile at the
// next execve, which is the command's. From Linux 6.8 on there is a system call for
// that. Before, it is a file of /proc, and it must be the host's /proc: one that the
// root directory supplies would take the write and do nothing. So there the steps come
// first of all, before the pivot.
//
// Differs from the tutorial: it has no such step.

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// appArmor is the profile to enter; the zero value is none.
type appArmor struct {
	profile string
	call    bool // the kernel has lsm_set_self_attr
}

// From linux/lsm.h.
const (
	lsmAttrExec   = 101
	lsmIDAppArmor = 104
)

func (c *config) setAppArmor(f *runFlags) error {
	if f.AppArmor == nil {
		return nil
	}
	name := *f.AppArmor
	if name == "" || strings.ContainsAny(name, "\x00\n ") {
		return fmt.Errorf("--apparmor=%s: not the name of a profile: /sys/kernel/security/apparmor/profiles lists those that are loaded", name)
	}
	call, err := findAppArmor()
	if err != nil {
		return fmt.Errorf("--apparmor=%s: %w", name, err)
	}
	c.apparmor = appArmor{name, call}
	return nil
}

// findAppArmor tells whether the kernel's AppArmor is on, and whether there is a call
// for it.
func findAppArmor() (call bool, err error) {
	var ids [32]uint64
	size := uint32(unsafe.Sizeof(ids))
	n, _, e := unix.Syscall(unix.SYS_LSM_LIST_MODULES, uintptr(unsafe.Pointer(&ids)), uintptr(unsafe.Pointer(&size)), 0)
	if e == 0 {
		for _, id := range ids[:min(int(n), len(ids))] {
			if id == lsmIDAppArmor {
				return true, nil
			}
		}
		return false, errors.New("AppArmor is not among this kernel's active security modules: boot with apparmor=1 security=apparmor, or lsm=...,apparmor")
	}
	const file = "/sys/module/apparmor/parameters/enabled"
	if b, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(b)) != "Y" {
		return false, fmt.Errorf("AppArmor is not active in this kernel (%s is not Y): boot with apparmor=1 security=apparmor", file)
	}
	return false, nil
}

// appArmorFirst asks for the profile in the host's /proc.
func appArmorFirst(c *config) []*step {
	if c.apparmor.profile == "" || c.apparmor.call {
		return nil
	}
	open := call("openat", unix.SYS_OPENAT, atCwd(), cstring("/proc/self/attr/apparmor/exec"), arg{n: unix.O_WRONLY | unix.O_CLOEXEC, s: "O_WRONLY|O_CLOEXEC", show: showText})
	open.keep = ^uintptr(0)
	return []*step{
		open.because("the host's /proc: what the root directory has in its place would take the write and do nothing"),
		writeBytes(kept(), "exec "+c.apparmor.profile).because("--apparmor: the profile from the next execve on").hinted(hintAppArmor),
		closeFD(kept()),
	}
}

// appArmorLast asks for the profile by the system call.
func appArmorLast(c *config) []*step {
	if c.apparmor.profile == "" || !c.apparmor.call {
		return nil
	}
	value := "exec " + c.apparmor.profile
	// struct lsm_ctx: id, flags, the whole's length, the value's length, the value.
	const header = 4 * 8
	size := (header + len(value) + 7) &^ 7
	ctx := make([]uint64, size/8)
	ctx[0], ctx[2], ctx[3] = lsmIDAppArmor, uint64(size), uint64(len(value))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&ctx[4])), size-header), value)
	return []*step{call("lsm_set_self_attr", unix.SYS_LSM_SET_SELF_ATTR, name(lsmAttrExec, "LSM_ATTR_EXEC"),
		mem(unsafe.Pointer(&ctx[0]), fmt.Sprintf("{id=LSM_ID_APPARMOR, flags=0, len=%d, ctx_len=%d, ctx=%s}", size, len(value), quote(value))),
		num(uintptr(size)), num(0)).
		because("--apparmor: the profile from the next execve on").hinted(hintAppArmor)}
}

func hintAppArmor(e syscall.Errno) string {
	switch e {
	case unix.ENOENT:
		return "no such profile is loaded: apparmor_parser -r FILE loads one, /sys/kernel/security/apparmor/profiles lists them"
	case unix.EACCES, unix.EPERM:
		return "tincan is confined itself, and its own profile does not allow the change: change_profile -> NAME"
	}
	return ""
}

// Chapter 12, continued: AppArmor, for hosts that have it.
//
// apparmor(7), lsm_set_self_attr (Documentation/userspace-api/lsm.rst), proc_pid_attr(5).
//
// A profile says which files, capabilities and sockets a program may use. It refers to them by
// name, from outside the container. The host's root loads profiles before tincan runs. A process
// can set only its own label, so this is a step of the plan: it asks for the profile at the next
// execve, which starts the command. Linux 6.8 and newer have a system call for this. Older
// kernels have a file of /proc, and it must be the host's /proc: a file that the root directory
// supplies would accept the write and do nothing. On such a kernel these steps therefore come
// first, before the pivot.
//
// Differs from the tutorial: the tutorial does not use AppArmor.

package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// appArmor is the profile to enter. The zero value means none.
type appArmor struct {
	profile string
	call    bool // the kernel has lsm_set_self_attr
}

// Constants of linux/lsm.h.
const (
	lsmAttrExec   = 101
	lsmIDAppArmor = 104
)

// setAppArmor reads --apparmor.
func (c *config) setAppArmor(f *runFlags) error {
	if f.AppArmor == nil {
		return nil
	}
	name := *f.AppArmor
	if name == "" || contains(name, "\x00") || contains(name, "\n") || contains(name, " ") {
		return fault(func() error {
			return fmt.Errorf("--apparmor=%s: this is not the name of a profile; /sys/kernel/security/apparmor/profiles lists the loaded ones", name)
		})
	}
	call, err := findAppArmor()
	if err != nil {
		return fault(func() error { return fmt.Errorf("--apparmor=%s: %w", name, err) })
	}
	c.apparmor = appArmor{name, call}
	return nil
}

// findAppArmor reports whether the kernel has the system call for AppArmor. It returns an error
// if AppArmor is not active.
func findAppArmor() (call bool, err error) {
	var ids [32]uint64
	n, e := sysLSMListModules(&ids)
	if e == 0 {
		for _, id := range ids[:min(n, len(ids))] {
			if id == lsmIDAppArmor {
				return true, nil
			}
		}
		return false, fault(func() error {
			return errors.New("AppArmor is not one of this kernel's active security modules: boot with apparmor=1 security=apparmor, or lsm=...,apparmor")
		})
	}
	const file = "/sys/module/apparmor/parameters/enabled"
	if value, e := readFile(file); e != 0 || trimmed(value) != "Y" {
		return false, fault(func() error {
			return fmt.Errorf("AppArmor is not active in this kernel (%s is not Y): boot with apparmor=1 security=apparmor", file)
		})
	}
	return false, nil
}

// sysLSMListModules is lsm_list_modules(2), Linux 6.8.
func sysLSMListModules(ids *[32]uint64) (int, syscall.Errno) {
	size := uint32(unsafe.Sizeof(*ids))
	r, e := rawCall(unix.SYS_LSM_LIST_MODULES, uintptr(unsafe.Pointer(ids)), uintptr(unsafe.Pointer(&size)), 0, 0, 0, 0)
	return int(r), e
}

// appArmorFirst asks for the profile through the host's /proc.
func appArmorFirst(a appArmor) []*step {
	if a.profile == "" || a.call {
		return nil
	}
	return list(
		openForWriting("/proc/self/attr/apparmor/exec").because("must be the host's /proc: a file in the root directory would accept the write and do nothing"),
		writeBytes(kept(), text("exec ", a.profile)).because("--apparmor: the profile applies from the next execve on").hinted(hintAppArmor),
		closeFD(kept()),
	)
}

// appArmorLast asks for the profile by the system call.
func appArmorLast(a appArmor) []*step {
	if a.profile == "" || !a.call {
		return nil
	}
	value := text("exec ", a.profile)
	// The fields of struct lsm_ctx: id, flags, the whole length, the value's length, the value.
	size := (lsmHeader + len(value) + 7) &^ 7
	b := space(size + 8)
	ctx := (*[4]uint64)(unsafe.Pointer(unsafe.SliceData(b)))
	ctx[0], ctx[2], ctx[3] = lsmIDAppArmor, uint64(size), uint64(len(value))
	copy(b[lsmHeader:], value)
	return list(call("lsm_set_self_attr", unix.SYS_LSM_SET_SELF_ATTR, name(lsmAttrExec, "LSM_ATTR_EXEC"), memory(unsafe.Pointer(ctx), showLSMContext), num(uintptr(size)), num(0)).
		because("--apparmor: the profile applies from the next execve on").hinted(hintAppArmor))
}

const lsmHeader = 4 * 8 // the bytes of struct lsm_ctx before the value

func showLSMContext(a arg) string {
	ctx := (*[4]uint64)(a.p)
	value := unsafe.String((*byte)(unsafe.Add(a.p, lsmHeader)), ctx[3])
	return fmt.Sprintf("{id=LSM_ID_APPARMOR, flags=0, len=%d, ctx_len=%d, ctx=%s}", ctx[2], ctx[3], quote(value))
}

func hintAppArmor(e syscall.Errno) string {
	switch e {
	case unix.ENOENT:
		return "no profile of this name is loaded: apparmor_parser -r FILE loads one; /sys/kernel/security/apparmor/profiles lists the loaded ones"
	case unix.EACCES, unix.EPERM:
		return "tincan itself runs under a profile that does not allow the change; that profile needs the rule: change_profile -> NAME"
	}
	return ""
}

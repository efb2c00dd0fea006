// Chapter 6: is this kernel new enough?
//
// Differs from the tutorial: the tutorial read "5.10" as the decimal number 5.1.

package main

import (
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// needs lists features that tincan uses and old kernels lack, with the version that introduced
// them.
var needs = [...]struct {
	major, minor int
	what         string
}{
	{5, 3, "clone3 and pidfds"},
	{5, 5, "CLONE_CLEAR_SIGHAND"},
	{5, 6, "openat2"},
	{5, 7, "CLONE_INTO_CGROUP"},
	{5, 11, "CLOSE_RANGE_CLOEXEC"},
	{5, 12, "mount_setattr"},
	{5, 14, "cgroup.kill"},
}

// supported returns an error if the kernel is older than Linux 5.14.
func supported() error {
	release, err := kernelRelease()
	if err != nil {
		return err
	}
	return supportedRelease(release)
}

// kernelRelease returns the release of uname(2), such as 6.1.0-13-amd64.
func kernelRelease() (string, error) {
	u := one[unix.Utsname]()
	if e := sysUname(u); e != 0 {
		return "", failedCall("uname", "", "", e)
	}
	return gostring(unsafe.Pointer(&u.Release)), nil
}

// supportedRelease returns an error if a kernel's release is too old, or is not a version
// number.
func supportedRelease(release string) error {
	v, valid := kernelVersion(release)
	if !valid {
		return fault(func() error { return fmt.Errorf("the kernel's release is %q, which is not a version number", release) })
	}
	var missing []string
	for i := range needs {
		if n := &needs[i]; v[0] < n.major || v[0] == n.major && v[1] < n.minor {
			missing = add(missing, text(n.what, " (", decimal(n.major), ".", decimal(n.minor), ")"))
		}
	}
	if missing == nil {
		return nil
	}
	return fault(func() error {
		return fmt.Errorf("tincan needs Linux 5.14 or newer; this is %s, which lacks %s", release, strings.Join(missing, ", "))
	})
}

// kernelVersion returns the first two numbers of a release such as 6.1.0-13-amd64.
func kernelVersion(release string) (v [2]int, valid bool) {
	major, minor, _ := cut(release, ".")
	for i := 0; i < len(minor); i++ {
		if minor[i] < '0' || minor[i] > '9' {
			minor = minor[:i]
			break
		}
	}
	negative := hasPrefix(major, "-")
	if negative {
		major = major[1:]
	}
	a, valid := number(major)
	b, valid2 := number(minor)
	v[0], v[1] = int(a), int(b)
	if negative {
		v[0] = -v[0]
	}
	return v, valid && valid2
}

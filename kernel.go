// Chapter 5: is this kernel new enough?
//
// Differs from the tutorial: it read "5.10" as the decimal number 5.1.

package main

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// needs lists what is used that not every kernel has, with the version that brought it.
var needs = []struct {
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

// supported is nil on Linux 5.14 and newer.
func supported() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return &hostError{call: "uname", err: err}
	}
	return supportedRelease(unix.ByteSliceToString(u.Release[:]))
}

func supportedRelease(release string) error {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return fmt.Errorf("the kernel calls itself %q, which is no version", release)
	}
	var missing []string
	for _, n := range needs {
		if major < n.major || major == n.major && minor < n.minor {
			missing = append(missing, fmt.Sprintf("%s (%d.%d)", n.what, n.major, n.minor))
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("tincan needs Linux 5.14 or newer; this is %s, which lacks %s", release, strings.Join(missing, ", "))
}

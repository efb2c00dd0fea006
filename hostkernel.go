// Chapter 5: is this kernel new enough?
//
// Differs from the tutorial: it read "5.10" as the decimal number 5.1.

package main

import (
	"fmt"
	"strconv"
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
	v, ok := kernelVersion(release)
	if !ok {
		return fmt.Errorf("the kernel calls itself %q, which is no version", release)
	}
	var missing []string
	for _, n := range needs {
		if v[0] < n.major || v[0] == n.major && v[1] < n.minor {
			missing = append(missing, fmt.Sprintf("%s (%d.%d)", n.what, n.major, n.minor))
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("tincan needs Linux 5.14 or newer; this is %s, which lacks %s", release, strings.Join(missing, ", "))
}

// kernelVersion is the first two numbers of a release such as 6.1.0-13-amd64.
func kernelVersion(release string) (v [2]int, ok bool) {
	major, rest, _ := strings.Cut(release, ".")
	minor := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		minor = rest[:i]
	}
	var err, err2 error
	v[0], err = strconv.Atoi(major)
	v[1], err2 = strconv.Atoi(minor)
	return v, err == nil && err2 == nil
}

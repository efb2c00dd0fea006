// Chapter 11 without root: hosts that forbid user namespaces, and what to do about it.
//
// user_namespaces(7), clone(2) EPERM, ENOSPC, EUSERS; Documentation/admin-guide/sysctl/user.rst;
// apparmor.d(5) userns; proc(5).
//
// The kernel returns EPERM for a dozen reasons. Files that every user may read show which reason
// it is. The error and `tincan check` read these files, and say what to do.
//
// Differs from the tutorial: the tutorial's program works for root only.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hostRoot is the host's root directory. Tests use a directory that looks like a host with other
// settings.
var hostRoot = "/"

// hostText returns the text of a file of the host, without the last line break, or "" if it
// cannot be read.
func hostText(file string) string {
	b, _ := os.ReadFile(filepath.Join(hostRoot, file))
	return strings.TrimSpace(string(b))
}

// obstacle is a reason why a host refuses user namespaces.
type obstacle struct {
	there  func() bool
	cause  string
	remedy string
	sure   bool // nothing works while it exists
	all    bool // it applies to root too
}

func setting(file, value string) func() bool {
	return func() bool { return hostText(file) == value }
}

// obstacles returns the reasons, the most specific first.
func obstacles() []obstacle {
	self, err := os.Executable()
	if err != nil {
		self = "/usr/local/bin/tincan"
	}
	return []obstacle{
		{func() bool { _, err := os.Stat(filepath.Join(hostRoot, "proc/self/ns/user")); return err != nil },
			"this kernel has no user namespaces", "a kernel with CONFIG_USER_NS", true, true},
		{setting("proc/sys/user/max_user_namespaces", "0"),
			"user.max_user_namespaces is 0", "as root: sysctl user.max_user_namespaces=10000", true, true},
		{setting("proc/sys/kernel/unprivileged_userns_clone", "0"),
			"kernel.unprivileged_userns_clone is 0", "as root: sysctl kernel.unprivileged_userns_clone=1", true, false},
		{func() bool {
			return hostText("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && strings.HasPrefix(hostText("proc/self/attr/current")+"unconfined", "unconfined")
		}, "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor allows user namespaces only to programs with a profile that says so",
			"as root, write this to /etc/apparmor.d/tincan, and then: apparmor_parser -r /etc/apparmor.d/tincan\n" + userProfile(self), true, false},
		{func() bool { return strings.Contains(hostText("proc/self/status"), "\nSeccomp:\t2") },
			"tincan runs under a seccomp filter, as in a container", "docker run --security-opt seccomp=unconfined (podman likewise), or a profile that allows clone3 and unshare", false, false},
		{chrooted, inChroot, notByChroot, false, false},
		{func() bool {
			return strings.Contains(hostText("proc/self/status"), "\nUid:\t65534\t") && hostText("proc/self/uid_map") != fullMap
		},
			"the user id has no mapping in the user namespace around tincan", "map it there", false, false},
	}
}

// fullMap is the uid_map of the machine's own user namespace.
const fullMap = "0          0 4294967295"

// userProfile returns an AppArmor profile that allows user namespaces to the program, and
// forbids nothing. In it, a name with blanks must be quoted, and characters of patterns need a
// backslash.
func userProfile(program string) string {
	for _, c := range `\*?[]{}^"` {
		program = strings.ReplaceAll(program, string(c), `\`+string(c))
	}
	return "abi <abi/4.0>,\ninclude <tunables/global>\nprofile tincan \"" + program + "\" flags=(unconfined) {\n  userns,\n}"
}

// Reasons and advice that other files use as well.
const (
	inChroot    = "tincan runs in a chroot, where the kernel refuses to make user namespaces"
	notByChroot = "enter the directory with tincan -m, or with unshare --mount and pivot_root, instead of chroot"

	otherReasons = "tincan found none of the reasons that it knows; it may be a chroot to a mount point (" + notByChroot + "), or a security module"
)

// chrooted reports whether the root directory is not that of the mount namespace: nothing is
// mounted there or, if the process may see that, it is not PID 1's root.
func chrooted() bool {
	if m := hostText("proc/self/mountinfo"); m != "" && !rootMount(m) {
		return true
	}
	own, err := os.Stat(hostRoot)
	first, e := os.Stat(filepath.Join(hostRoot, "proc/1/root"))
	return err == nil && e == nil && !os.SameFile(own, first)
}

// rootMount reports whether something is mounted at `/`, which is so except in a chroot.
func rootMount(mountinfo string) bool {
	return slices.ContainsFunc(mountLines(mountinfo), func(m mountLine) bool { return m.point == "/" })
}

// forbidden explains, in the form of hints, why this host forbids user namespaces.
func forbidden() string {
	var out []string
	for _, o := range obstacles() {
		if o.there() {
			out = append(out, o.cause+"; "+o.remedy)
		}
	}
	return strings.Join(out, "\n")
}

// explained adds the host's reasons to the error of a user's container. EPERM has many reasons.
func (r *rootless) explained(err error) error {
	why := ""
	switch errno := errnoOf(err); errno {
	case unix.EPERM, unix.EINVAL, unix.EACCES, unix.ENOSYS, unix.ENOSPC, unix.EUSERS: // what forbids namespaces gives these
		why = forbidden()
		if why == "" && errno != unix.EPERM && errno != unix.EINVAL {
			return err
		}
	default:
		return err
	}
	if why == "" {
		why = "this host does not allow ordinary users to make a user namespace, or to use capabilities in it; " + otherReasons
	}
	var he *callError
	if errors.As(err, &he) {
		he.hint = why
		return he
	}
	return fmt.Errorf("%w\n%s", err, why)
}

// hintProc and hintSys explain why the kernel refuses a new /proc or /sys. In a user namespace,
// it refuses a mount that would show more than is visible already.
func hintProc(e syscall.Errno) string { return hintCovered(e, "/proc") }
func hintSys(e syscall.Errno) string  { return hintCovered(e, "/sys") }

func hintCovered(e syscall.Errno, dir string) string {
	if e != unix.EPERM {
		return ""
	}
	text := "the host's " + dir + " is not completely visible"
	if parts := covered(hostText("proc/self/mountinfo"), dir); len(parts) > 0 {
		text = "parts of the host's " + dir + " are covered (" + strings.Join(parts, ", ") + ")"
	}
	return text + ", as is usual inside another container or a sandbox, and then the kernel refuses to mount a new one in a user namespace; " +
		"run the outer container with docker run --security-opt systempaths=unconfined (podman: --security-opt unmask=ALL, Kubernetes: procMount: Unmasked), or start tincan outside of it"
}

// covered lists what is mounted below dir, except at the places that are made for mounts.
func covered(mountinfo, dir string) []string {
	var out []string
	for _, m := range mountLines(mountinfo) {
		rest, below := strings.CutPrefix(m.point, dir+"/")
		switch {
		case !below, rest == "sys/fs/binfmt_misc", rest == "fs/nfsd", dir == "/sys" && (strings.HasPrefix(rest, "fs/") || strings.HasPrefix(rest, "kernel/")):
		case len(out) == 4:
			return append(out, "...")
		default:
			out = append(out, m.point)
		}
	}
	return out
}

// nested adds to an error that tincan runs inside a container of tincan. The hints about
// Docker's containers do not help there.
//
//tincan:runtime
func nested(err error) error {
	init, e := readFile("/proc/1/comm")
	if e != 0 || trimmed(init) != "tincan-init" || sysGetpid() == 1 {
		return err
	}
	switch errnoOf(err) {
	case unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EROFS:
	default:
		if !strings.Contains(err.Error(), "as is usual inside another container") {
			return err
		}
	}
	return fmt.Errorf("%w\ntincan runs inside a container of tincan, and no flags make that possible: the outer container's filter refuses the calls, and it covers parts of /proc and /sys; start both containers from outside", err)
}

// Chapter 11 without root: hosts that forbid it, and what helps.
//
// user_namespaces(7), clone(2) EPERM, ENOSPC, EUSERS; Documentation/admin-guide/sysctl/user.rst;
// apparmor.d(5) userns; proc(5).
//
// The kernel says EPERM for a dozen reasons. Which of them it is stands in files that
// anybody may read, so the error and `tincan check` look there, and say what to do.
//
// Differs from the tutorial: it is for root only.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hostRoot is another directory in tests: a host with other settings.
var hostRoot = "/"

// hostText is the text of a file of the host, without the end of its line; "" if it
// cannot be read.
func hostText(file string) string {
	b, _ := os.ReadFile(filepath.Join(hostRoot, file))
	return strings.TrimSpace(string(b))
}

// obstacle is what a host may have against user namespaces.
type obstacle struct {
	there  func() bool
	cause  string
	remedy string
	sure   bool // nothing works while it is there
	all    bool // for root, too
}

func setting(file, value string) func() bool {
	return func() bool { return hostText(file) == value }
}

// obstacles lists them, the most telling first.
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
			"a system call filter is around tincan, as in a container", "docker run --security-opt seccomp=unconfined (podman likewise), or a profile that allows clone3 and unshare", false, false},
		{chrooted, inChroot, notByChroot, false, false},
		{func() bool {
			return strings.Contains(hostText("proc/self/status"), "\nUid:\t65534\t") && hostText("proc/self/uid_map") != fullMap
		},
			"the user id has no mapping in the user namespace around tincan", "map it there", false, false},
	}
}

// fullMap is what the machine's own user namespace shows as its uid_map.
const fullMap = "0          0 4294967295"

// userProfile allows user namespaces to the program, and takes nothing away. A name with
// blanks must be in quotes there, and what is a pattern otherwise have a backslash.
func userProfile(program string) string {
	for _, c := range `\*?[]{}^"` {
		program = strings.ReplaceAll(program, string(c), `\`+string(c))
	}
	return "abi <abi/4.0>,\ninclude <tunables/global>\nprofile tincan \"" + program + "\" flags=(unconfined) {\n  userns,\n}"
}

const (
	inChroot    = "tincan runs in a chroot, where the kernel makes no user namespaces"
	notByChroot = "enter the directory with tincan -m, or unshare --mount and pivot_root, and not with chroot"

	otherReasons = "what tincan looks for is not the reason: it may be a chroot to a mount point (" + notByChroot + "), or a security module"
)

// chrooted tells whether the root directory is not that of the mount namespace: nothing is
// mounted there, or, as far as root may look, it is another than that of PID 1.
func chrooted() bool {
	if m := hostText("proc/self/mountinfo"); m != "" && !rootMount(m) {
		return true
	}
	own, err := os.Stat(hostRoot)
	first, e := os.Stat(filepath.Join(hostRoot, "proc/1/root"))
	return err == nil && e == nil && !os.SameFile(own, first)
}

// rootMount tells whether something is mounted at `/`, as is in every root but chroot's.
func rootMount(mountinfo string) bool {
	for line := range strings.SplitSeq(mountinfo, "\n") {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
			return true
		}
	}
	return false
}

// forbidden gives what stands in the way of user namespaces here, as hints.
func forbidden() string {
	var out []string
	for _, o := range obstacles() {
		if o.there() {
			out = append(out, o.cause+"; "+o.remedy)
		}
	}
	return strings.Join(out, "\n")
}

// explained adds the host's reasons to an error of a user's container. EPERM has many.
func (r *rootless) explained(err error) error {
	why := forbidden()
	switch errno := errnoOf(err); {
	case errno == unix.EAGAIN || errno == unix.EBUSY || why == "" && errno != unix.EPERM && errno != unix.EINVAL:
		return err
	case why == "":
		why = "this host lets no ordinary user make a user namespace, or take power over what it owns; " + otherReasons
	}
	var he *callError
	if errors.As(err, &he) {
		he.hint = why
		return he
	}
	return fmt.Errorf("%w\n%s", err, why)
}

// hintProc and hintSys explain why the kernel refuses a new /proc or /sys: in a user
// namespace it gives no more to see than is to be seen already.
func hintProc(e syscall.Errno) string { return hintCovered(e, "/proc") }
func hintSys(e syscall.Errno) string  { return hintCovered(e, "/sys") }

func hintCovered(e syscall.Errno, dir string) string {
	if e != unix.EPERM {
		return ""
	}
	text := "the host's " + dir + " is not to be seen as a whole"
	if parts := covered(hostText("proc/self/mountinfo"), dir); len(parts) > 0 {
		text = "parts of the host's " + dir + " are covered (" + strings.Join(parts, ", ") + ")"
	}
	return text + ", as inside another container, and in a user namespace the kernel then mounts no other one; " +
		"run the outer container with docker run --security-opt systempaths=unconfined (podman: --security-opt unmask=ALL, Kubernetes: procMount: Unmasked)"
}

// covered lists what is mounted below dir, but for the places that are made for it.
func covered(mountinfo, dir string) []string {
	var out []string
	for line := range strings.SplitSeq(mountinfo, "\n") {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		rest, below := strings.CutPrefix(f[4], dir+"/")
		switch {
		case !below, rest == "sys/fs/binfmt_misc", rest == "fs/nfsd", dir == "/sys" && (strings.HasPrefix(rest, "fs/") || strings.HasPrefix(rest, "kernel/")):
		case len(out) == 4:
			return append(out, "...")
		default:
			out = append(out, f[4])
		}
	}
	return out
}

// nested adds to an error that what is around tincan is tincan: what the hints say of Docker's
// containers does not help there.
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
		if !strings.Contains(err.Error(), "as inside another container") {
			return err
		}
	}
	return fmt.Errorf("%w\nthis is a container of tincan's, which cannot hold another, whatever its flags: its filter refuses the calls, and what it covers of /proc and /sys the kernel shows nobody; start both from outside", err)
}

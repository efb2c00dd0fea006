// Step 13: which system calls the command may not make.
// man 2 seccomp, man 2 syscalls.
//
// Capabilities limit what root may do, but many dangerous calls need no capability. The filter
// refuses the calls that a program in a container should not make. The kernel runs the filter
// before every call, and a filter cannot be removed again.
//
// Differs from the tutorial: the tutorial's list comes first, and where a call gets around one
// of its rows, rows below close that hole. `--seccomp=tutorial` is the list as published;
// `tincan seccomp show` prints either list.

package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The tables are functions, so that a run with another profile, or with none, does not build
// them.

// refusal is a row of a table: the calls, when they are refused, with which verdict, and why.
type refusal struct {
	calls string
	when  []cond // nil: always
	how   verdict
	why   string
}

// Verdicts and numbers that the tables use.
const (
	denied      = unix.SECCOMP_RET_ERRNO | verdict(unix.EPERM)
	unknownCall = unix.SECCOMP_RET_ERRNO | verdict(unix.ENOSYS) // as an old kernel answers that does not have the call: programs then use an older call

	setID    = unix.S_ISUID | unix.S_ISGID
	creating = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY // the flags that make open look at its mode argument

	tiocsti   = unix.TIOCSTI
	tioclinux = 0x541c
	uffdNew   = 0xaa00 // USERFAULTFD_IOC_NEW of linux/userfaultfd.h
)

// anyBit, is, atLeast and atMost return the conditions that the tables use. The kernel cuts all
// these arguments to 32 bits, so the filter does the same.
func anyBit(arg int, mask uint64) cond   { return cond{arg: arg, op: opAnyBit, cut: true, mask: mask} }
func is(arg int, value uint64) cond      { return cond{arg: arg, op: opEQ, cut: true, value: value} }
func atLeast(arg int, value uint64) cond { return cond{arg: arg, op: opGE, cut: true, value: value} }
func atMost(arg int, value uint64) cond  { return cond{arg: arg, op: opLE, cut: true, value: value} }

// published returns a comparison as the tutorial makes it: all 64 bits are compared, and the value
// is also the mask.
func published(arg int, value uint64) cond {
	return cond{arg: arg, op: opMaskedEQ, mask: value, value: value}
}

// tutorialWhole returns the tutorial's first rows: calls that are refused with any arguments.
func tutorialWhole() []refusal {
	return []refusal{
		{"keyctl add_key request_key", nil, denied, "keyrings belong to the user id, not to a namespace: a container would share its user's"},
		{"mbind migrate_pages move_pages set_mempolicy", nil, denied, "the host decides where memory is allocated on machines with several nodes"},
		{"userfaultfd", nil, denied, "a process that can delay a page fault at will can win races in the kernel"},
		{"perf_event_open", nil, denied, "profiling looks into the kernel and other processes, and has had many security holes"},
	}
}

// tutorialList returns the whole list, as published.
func tutorialList() []refusal {
	return append(tutorialWhole(), []refusal{
		{"chmod", []cond{published(1, unix.S_ISUID)}, denied, "no set-user-ID files: on the host, another user could run them"},
		{"chmod", []cond{published(1, unix.S_ISGID)}, denied, "no set-group-ID files"},
		{"fchmod", []cond{published(1, unix.S_ISUID)}, denied, "the same"},
		{"fchmod", []cond{published(1, unix.S_ISGID)}, denied, "the same"},
		{"fchmodat", []cond{published(2, unix.S_ISUID)}, denied, "the same"},
		{"fchmodat", []cond{published(2, unix.S_ISGID)}, denied, "the same"},
		{"unshare", []cond{published(0, unix.CLONE_NEWUSER)}, denied, "in a new user namespace, a process has all capabilities"},
		{"clone", []cond{published(0, unix.CLONE_NEWUSER)}, denied, "the same"},
		{"ioctl", []cond{published(1, tiocsti)}, denied, "TIOCSTI types into the caller's terminal; as a mask, the value matches 24 ordinary requests too"},
	}...)
}

// tutorialClosed returns the tutorial's conditional rows with the comparison corrected.
func tutorialClosed() []refusal {
	return []refusal{
		{"chmod fchmod", []cond{anyBit(1, setID)}, denied, "no set-id files: on the host, another user could run them"},
		{"fchmodat", []cond{anyBit(2, setID)}, denied, "the same"},
		{"unshare clone", []cond{anyBit(0, unix.CLONE_NEWUSER)}, denied, "in a new user namespace, a process has all capabilities"},
		{"ioctl", []cond{is(1, tiocsti)}, denied, "TIOCSTI types into the caller's terminal. The published mask also refuses TIOCGWINSZ; " +
			"a comparison of 64 bits lets TIOCSTI|1<<32 pass (CVE-2019-10063)"},
	}
}

// closedHoles returns rows for calls that get around the tutorial's list.
func closedHoles() []refusal {
	return []refusal{
		{"clone3", nil, unknownCall, "its flags are in memory, which a filter cannot read; the C libraries then use clone"},
		{"openat2", nil, unknownCall, "its mode is in memory, which a filter cannot read, so it could make set-id files; programs then use openat"},

		{"fchmodat2", []cond{anyBit(2, setID)}, denied, "chmod under a newer name (Linux 6.6)"},
		{"creat", []cond{anyBit(1, setID)}, denied, "a new file can be made set-id as well"},
		{"open", []cond{anyBit(1, creating), anyBit(2, setID)}, denied, "the same; without O_CREAT or O_TMPFILE the mode argument has no meaning"},
		{"openat", []cond{anyBit(2, creating), anyBit(3, setID)}, denied, "the same"},
		{"mknod", []cond{anyBit(1, setID)}, denied, "the same: mknod makes ordinary files too. mkdir is harmless, because the kernel ignores these bits"},
		{"mknodat", []cond{anyBit(2, setID)}, denied, "the same"},
		{"mq_open", []cond{anyBit(1, unix.O_CREAT), anyBit(2, setID)}, denied, "the same: message queues are files"},

		{"io_uring_setup io_uring_enter io_uring_register", nil, denied, "its operations, such as opening a file, are not checked by any filter"},

		{"ioctl", []cond{is(1, tioclinux)}, denied, "TIOCLINUX pastes into a virtual console (CVE-2023-28100)"},
		{"ioctl", []cond{is(1, unix.TIOCSETD)}, denied, "TIOCSETD has the kernel load the module of a line discipline, code that few people review (CVE-2017-2636)"},
		{"ioctl", []cond{is(1, uffdNew)}, denied, "userfaultfd through its device"},
		{"set_mempolicy_home_node", nil, denied, "a newer form of set_mempolicy"},

		{"mount umount2 pivot_root", nil, denied, "the container's mounts are complete before it starts, and its root has no power over them"},
		{"fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount mount_setattr", nil, denied, "mount, split into several calls (CVE-2021-41133)"},
		{"setns", nil, denied, "enters the namespace that a descriptor refers to"},

		{"socket socketpair", []cond{atLeast(0, unix.AF_AX25), atMost(0, unix.AF_X25)}, denied, "families 3-9: amateur radio, IPX, AppleTalk and other code that few people review. " +
			"UNIX, INET, INET6, NETLINK and PACKET stay allowed"},
		{"socket socketpair", []cond{atLeast(0, unix.AF_ROSE), atMost(0, unix.AF_KEY)}, denied, "families 11-15, among them AF_KEY"},
		{"socket socketpair", []cond{atLeast(0, unix.AF_ASH)}, denied, "families from 18 on: AF_ALG (the kernel's ciphers), AF_VSOCK (the hypervisor, not isolated by a network namespace), AF_CAN, AF_XDP..."},

		{"bpf", nil, denied, "loads programs into the kernel"},
		{"kexec_load kexec_file_load", nil, denied, "starts another kernel"},
		{"init_module finit_module delete_module create_module query_module get_kernel_syms", nil, denied, "loads code into the kernel"},
		{"reboot", nil, denied, "in a PID namespace it ends only that namespace, but it can also change the host's Ctrl-Alt-Del setting"},
		{"swapon swapoff", nil, denied, "changes the host's swap space"},
		{"acct quotactl quotactl_fd", nil, denied, "changes the host's accounting and quotas"},
		{"iopl ioperm", nil, denied, "accesses the machine's I/O ports"},
		{"socket", []cond{is(0, unix.AF_NETLINK), is(2, unix.NETLINK_USERSOCK)}, denied, "messages between processes: unread messages are not counted in any memory limit"},
		{"syslog", nil, denied, "the host's kernel log, which every user may read on some hosts"},
		{"open_by_handle_at", nil, denied, "opens files by number anywhere in a file system; it allowed an escape from containers in 2014 (shocker)"},
		{"lookup_dcookie nfsservctl uselib _sysctl sysfs ustat vserver", nil, denied, "obsolete calls"},
	}
}

// withoutSetID returns the rows that are not about set-id files.
func withoutSetID(rows []refusal) (out []refusal) {
	for _, r := range rows {
		if !slices.ContainsFunc(r.when, func(c cond) bool { return c.op == opAnyBit && c.mask == setID }) {
			out = append(out, r)
		}
	}
	return out
}

// seccompPolicy returns the policy for --seccomp, or nil for none. caps are the capabilities
// held in the container.
func seccompPolicy(spec string, caps []string, strictInts bool) (*policy, []string, error) {
	native, err := abiNamed("")
	if err != nil {
		return nil, nil, err
	}
	return seccompPolicyFor(native, spec, caps, strictInts)
}

// seccompPolicyFor returns the policy of a --seccomp for a machine, and the warnings about it.
// The policy is nil for none.
func seccompPolicyFor(native *abi, spec string, held []string, strictInts bool) (*policy, []string, error) {
	switch spec {
	case "none":
		return nil, nil, nil
	case "tutorial":
		return builtIn(native, spec, tutorialList(), nil), nil, nil
	case "default":
		return newest(builtIn(native, spec, append(tutorialWhole(), tutorialClosed()...), append(closedHoles(), newCalls()...))), nil, nil
	case "setid":
		return newest(builtIn(native, spec, append(tutorialWhole(), withoutSetID(tutorialClosed())...), append(withoutSetID(closedHoles()), newCalls()...))), nil, nil
	}
	data, err := readGiven(spec)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: give default, setid, tutorial, none or the file of a profile", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, nil, fmt.Errorf("uname() = %w", err)
	}
	kernel, _ := kernelVersion(unix.ByteSliceToString(u.Release[:]))
	r := reading{native: native, held: held, strictInts: strictInts, kernel: kernel}
	return readProfile(spec, data, r)
}

// builtIn makes a policy from rows. All other calls of the native ABI are allowed, and a call of
// another ABI ends the process.
func builtIn(native *abi, name string, chapter, ours []refusal) *policy {
	a := &abiPolicy{abi: native, otherwise: allow}
	for i, rows := range [][]refusal{chapter, ours} {
		for _, r := range rows {
			for call := range strings.FieldsSeq(r.calls) {
				a.add(call, rule{when: r.when, then: r.how, why: r.why, chap: i == 0})
			}
		}
	}
	return &policy{name: name, abis: []*abiPolicy{a}}
}

package main

// Step 13: which system calls the command may not make.
// man 2 seccomp, man 2 syscalls.
//
// Capabilities say what root may do; much that is dangerous needs none. The filter is the list of what a program in a
// container has no business with. The kernel asks it before every call, and it cannot be taken off again.
//
// Differs from the tutorial: its list comes first, and where a row of it can be walked around, the rows below close that.
// `--seccomp=tutorial` is the list as it was published, `tincan seccomp show` prints either.

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The tables are functions, so that a start of tincan that needs another profile, or none, does not build them.

// A refusal is a row: calls, when they are refused, how, and why.
type refusal struct {
	calls string
	when  []cond // nil: always
	how   verdict
	why   string
}

const (
	denied      = unix.SECCOMP_RET_ERRNO | verdict(unix.EPERM)
	unknownCall = unix.SECCOMP_RET_ERRNO | verdict(unix.ENOSYS) // as on a kernel too old to have the call: programs then take an older one

	setID    = unix.S_ISUID | unix.S_ISGID
	creating = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY // the flags with which open looks at its mode at all

	tiocsti   = unix.TIOCSTI
	tioclinux = 0x541c
	uffdNew   = 0xaa00 // USERFAULTFD_IOC_NEW of linux/userfaultfd.h
)

// Conditions as the tables write them. The kernel cuts all these arguments to 32 bits, so the filter does too.
func anyBit(arg int, mask uint64) cond   { return cond{arg: arg, op: opAnyBit, cut: true, mask: mask} }
func is(arg int, value uint64) cond      { return cond{arg: arg, op: opEQ, cut: true, value: value} }
func atLeast(arg int, value uint64) cond { return cond{arg: arg, op: opGE, cut: true, value: value} }
func atMost(arg int, value uint64) cond  { return cond{arg: arg, op: opLE, cut: true, value: value} }

// published is a comparison as the tutorial makes it: all 64 bits, the mask being the value itself.
func published(arg int, value uint64) cond {
	return cond{arg: arg, op: opMaskedEQ, mask: value, value: value}
}

// tutorialWhole are the tutorial's first rows: calls refused whatever their arguments.
func tutorialWhole() []refusal {
	return []refusal{
		{"keyctl add_key request_key", nil, denied, "keyrings belong to the user id, not to a namespace: a container would share its user's"},
		{"mbind migrate_pages move_pages set_mempolicy", nil, denied, "where memory lies, on machines with several nodes, is the host's to say"},
		{"userfaultfd", nil, denied, "holding a page fault open for as long as one likes is how races in the kernel are won"},
		{"perf_event_open", nil, denied, "profiling reaches into the kernel and other processes, and has had many holes"},
	}
}

// tutorialList is the whole list, as published.
func tutorialList() []refusal {
	return append(tutorialWhole(), []refusal{
		{"chmod", []cond{published(1, unix.S_ISUID)}, denied, "no set-user-ID files: on the host, another user could run them"},
		{"chmod", []cond{published(1, unix.S_ISGID)}, denied, "no set-group-ID files"},
		{"fchmod", []cond{published(1, unix.S_ISUID)}, denied, "likewise"},
		{"fchmod", []cond{published(1, unix.S_ISGID)}, denied, "likewise"},
		{"fchmodat", []cond{published(2, unix.S_ISUID)}, denied, "likewise"},
		{"fchmodat", []cond{published(2, unix.S_ISGID)}, denied, "likewise"},
		{"unshare", []cond{published(0, unix.CLONE_NEWUSER)}, denied, "a new user namespace gives all capabilities over what it owns"},
		{"clone", []cond{published(0, unix.CLONE_NEWUSER)}, denied, "likewise"},
		{"ioctl", []cond{published(1, tiocsti)}, denied, "types into the caller's terminal; as a mask it fits 24 ordinary requests too"},
	}...)
}

// tutorialClosed are the tutorial's conditional rows with their comparison put right.
func tutorialClosed() []refusal {
	return []refusal{
		{"chmod fchmod", []cond{anyBit(1, setID)}, denied, "no set-id files: on the host, another user could run them"},
		{"fchmodat", []cond{anyBit(2, setID)}, denied, "likewise"},
		{"unshare clone", []cond{anyBit(0, unix.CLONE_NEWUSER)}, denied, "a new user namespace gives all capabilities over what it owns"},
		{"ioctl", []cond{is(1, tiocsti)}, denied, "types into the caller's terminal. Published as a mask, it refused TIOCGWINSZ as well; " +
			"compared on 64 bits, TIOCSTI|1<<32 passes (CVE-2019-10063)"},
	}
}

// closedHoles are what passes the tutorial's list.
func closedHoles() []refusal {
	return []refusal{
		{"clone3", nil, unknownCall, "its flags lie in memory, where a filter cannot look; the C libraries fall back to clone"},
		{"openat2", nil, unknownCall, "its mode lies in memory: set-id files again; programs fall back to openat"},

		{"fchmodat2", []cond{anyBit(2, setID)}, denied, "chmod by a newer name (Linux 6.6)"},
		{"creat", []cond{anyBit(1, setID)}, denied, "a file can be made set-id as well as changed to it"},
		{"open", []cond{anyBit(1, creating), anyBit(2, setID)}, denied, "likewise; without O_CREAT or O_TMPFILE the mode is whatever was in the register"},
		{"openat", []cond{anyBit(2, creating), anyBit(3, setID)}, denied, "likewise"},
		{"mknod", []cond{anyBit(1, setID)}, denied, "likewise: mknod makes ordinary files too. mkdir is no way, the kernel drops the bits"},
		{"mknodat", []cond{anyBit(2, setID)}, denied, "likewise"},
		{"mq_open", []cond{anyBit(1, unix.O_CREAT), anyBit(2, setID)}, denied, "likewise: message queues are files"},

		{"io_uring_setup io_uring_enter io_uring_register", nil, denied, "its operations are done by the kernel without meeting any filter: one of them is open"},

		{"ioctl", []cond{is(1, tioclinux)}, denied, "pastes into a virtual console (CVE-2023-28100)"},
		{"ioctl", []cond{is(1, uffdNew)}, denied, "userfaultfd by its device"},
		{"set_mempolicy_home_node", nil, denied, "set_mempolicy's newer sister"},

		{"mount umount2 pivot_root", nil, denied, "the container's mounts are made before it starts; its root has no power over them, and need not try"},
		{"fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount mount_setattr", nil, denied, "mount in pieces (CVE-2021-41133)"},
		{"setns", nil, denied, "enters namespaces that an open descriptor names"},

		{"socket socketpair", []cond{atLeast(0, unix.AF_AX25), atMost(0, unix.AF_X25)}, denied, "families 3-9: amateur radio, IPX, AppleTalk and the like: code that few read. " +
			"UNIX, INET, INET6, NETLINK and PACKET stay"},
		{"socket socketpair", []cond{atLeast(0, unix.AF_ROSE), atMost(0, unix.AF_KEY)}, denied, "families 11-15, AF_KEY among them"},
		{"socket socketpair", []cond{atLeast(0, unix.AF_ASH)}, denied, "families from 18 on: AF_ALG (the kernel's ciphers), AF_VSOCK (the hypervisor: no network namespace holds it), AF_CAN, AF_XDP..."},

		{"bpf", nil, denied, "programs in the kernel"},
		{"kexec_load kexec_file_load", nil, denied, "another kernel"},
		{"init_module finit_module delete_module create_module query_module get_kernel_syms", nil, denied, "code in the kernel"},
		{"reboot", nil, denied, "in a pid namespace it ends only that, but the host's Ctrl-Alt-Del can be switched with it"},
		{"swapon swapoff", nil, denied, "the host's memory"},
		{"acct quotactl quotactl_fd", nil, denied, "the host's accounts"},
		{"iopl ioperm", nil, denied, "the machine's ports"},
		{"socket", []cond{is(0, unix.AF_NETLINK), is(2, unix.NETLINK_USERSOCK)}, denied, "processes that talk to each other: what waits to be read is counted in no memory limit"},
		{"syslog", nil, denied, "the host's kernel log, which on some hosts anybody may read"},
		{"open_by_handle_at", nil, denied, "opens files by number, below any mount: the way out of containers in 2014 (shocker)"},
		{"lookup_dcookie nfsservctl uselib _sysctl sysfs ustat vserver", nil, denied, "calls that the world has left behind"},
	}
}

// withoutSetID leaves out the rows about set-id files.
func withoutSetID(rows []refusal) (out []refusal) {
	for _, r := range rows {
		if !slices.ContainsFunc(r.when, func(c cond) bool { return c.op == opAnyBit && c.mask == setID }) {
			out = append(out, r)
		}
	}
	return out
}

// seccompPolicy is what --seccomp says: nil for none. The capabilities are those held in the container.
func seccompPolicy(spec string, caps []string, strictInts bool) (*policy, []string, error) {
	native, err := abiNamed("")
	if err != nil {
		return nil, nil, err
	}
	return seccompPolicyFor(native, spec, caps, strictInts)
}

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
		return nil, nil, fmt.Errorf("%w: neither default, setid, tutorial nor none, nor the file of a profile", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, nil, fmt.Errorf("uname() = %w", err)
	}
	kernel, _ := kernelVersion(unix.ByteSliceToString(u.Release[:]))
	r := reading{native: native, held: held, strictInts: strictInts, kernel: kernel}
	return readProfile(spec, data, r)
}

// builtIn makes a policy from rows: everything else is allowed, in the native ABI, and any other ABI ends the process.
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

// Chapter 13, continued: the calls that are newer than the tutorial's list.
//
// man 2 syscalls; the kernel's scripts/syscall.tbl.
//
// Each year brings new calls, and a call that nobody has thought about must not be allowed.
// Since Linux 5.1 a new call has the same number on all architectures, from 424 on. The default
// filter answers those that it does not know with ENOSYS, as an older kernel does, and programs
// then do without them. Each call that it knows is either refused in seccomp.go or listed here,
// with the reason.
//
// Differs from the tutorial: the tutorial's list was made for Linux 5.x and allows all newer
// calls.

package main

// firstNew is the first number that is the same on all architectures.
const firstNew = 424

// newCalls returns the calls from firstNew on that the default filter allows, or answers as an
// older kernel does.
func newCalls() []refusal {
	return []refusal{
		{"pidfd_send_signal pidfd_open", nil, allow, "kill by a descriptor: it reaches the same processes as kill, all in the PID namespace"},
		{"pidfd_getfd", nil, allow, "gets a descriptor of another process; needs the right to trace it, so it works only inside the container"},
		{"process_madvise process_mrelease", nil, allow, "advice about another process's memory; needs the right to trace or kill it"},
		{"close_range faccessat2 epoll_pwait2", nil, allow, "close, faccessat and epoll_pwait with one more argument"},
		{"landlock_create_ruleset landlock_add_rule landlock_restrict_self", nil, allow, "a program gives up its own rights"},
		{"memfd_secret", nil, unknownCall, "memory that even the kernel cannot read; it prevents the machine from hibernating, and programs then use mlock"},
		{"futex_waitv futex_wake futex_wait futex_requeue", nil, allow, "futex, split into one call for each operation"},
		{"cachestat", nil, allow, "tells which pages of a file are in memory, only for files that the process may write (Linux 6.5), like mincore"},
		{"map_shadow_stack", nil, allow, "a second stack for return addresses, with which a program protects itself"},
		{"statmount listmount", nil, allow, "shows the mounts of the own namespace, as /proc/self/mountinfo does"},
		{"listns", nil, unknownCall, "lists namespaces; the container has no business with others than its own"},
		{"lsm_get_self_attr lsm_list_modules", nil, allow, "shows the same as /proc/self/attr"},
		{"lsm_set_self_attr", nil, allow, "does the same as a write to /proc/self/attr; the active security module decides"},
		{"mseal", nil, allow, "a program gives up rights over its own memory"},
		{"setxattrat getxattrat listxattrat removexattrat", nil, allow, "setxattr and the like, relative to a descriptor"},
		{"file_getattr", nil, allow, "reads the flags of a file, like the ioctl FS_IOC_FSGETXATTR"},
		{"file_setattr", nil, allow, "sets them, like FS_IOC_FSSETXATTR; immutable and append-only need a capability of the host's user namespace"},
		{"rseq_slice_yield", nil, allow, "gives back the rest of a time slice"},
	}
}

// afterNewest returns the number after the highest one in a native ABI's table.
func (a *abi) afterNewest() uint32 {
	a.load()
	return a.names[len(a.names)-1].nr + 1
}

// newest makes the filter answer calls that are newer than its tables as an older kernel does.
func newest(p *policy) *policy {
	a := p.abis[0]
	a.newer = a.abi.afterNewest()
	return p
}

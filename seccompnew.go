package main

// Step 13, continued: the calls that are newer than the tutorial's list.
// man 2 syscalls; the kernel's scripts/syscall.tbl.
//
// Each year brings calls, and what nobody has thought about is not allowed: since Linux 5.1 new calls have one number on all
// architectures, 424 and up, and the default filter answers those that it does not know with ENOSYS, as an older kernel does.
// Programs then do without them. Of those that it knows, each is either refused in seccomp.go or stands here, with the reason.
//
// Differs from the tutorial: its list was made for Linux 5.x, and allows whatever comes after.

// firstNew is the first of the numbers that all architectures share.
const firstNew = 424

// newCalls are the calls from firstNew on that the default filter allows, or answers as an older kernel.
func newCalls() []refusal {
	return []refusal{
		{"pidfd_send_signal pidfd_open", nil, allow, "kill by a descriptor: reaches whom kill reaches, and the PID namespace bounds both"},
		{"pidfd_getfd", nil, allow, "a descriptor of another process: takes the right to trace it, which the container has over its own alone"},
		{"process_madvise process_mrelease", nil, allow, "advice on another process's memory: takes the right to trace it, or to kill it"},
		{"close_range faccessat2 epoll_pwait2", nil, allow, "close, faccessat and epoll_pwait with one argument more"},
		{"landlock_create_ruleset landlock_add_rule landlock_restrict_self", nil, allow, "a program takes rights away from itself"},
		{"memfd_secret", nil, unknownCall, "memory that the kernel itself cannot see; machines with it on do not hibernate, and programs fall back to mlock"},
		{"futex_waitv futex_wake futex_wait futex_requeue", nil, allow, "futex, one call for each operation"},
		{"cachestat", nil, allow, "which pages of an open file are in memory: only of files that one could write (Linux 6.5), as mincore"},
		{"map_shadow_stack", nil, allow, "a second stack for return addresses, with which a program protects itself"},
		{"statmount listmount", nil, allow, "the mounts of one's own namespace, which /proc/self/mountinfo shows as well"},
		{"listns", nil, unknownCall, "lists namespaces; the container has nothing to do with any but its own"},
		{"lsm_get_self_attr lsm_list_modules", nil, allow, "what /proc/self/attr shows"},
		{"lsm_set_self_attr", nil, allow, "what a write to /proc/self/attr does: the security module in force decides"},
		{"mseal", nil, allow, "a program takes rights over its own memory away from itself"},
		{"setxattrat getxattrat listxattrat removexattrat", nil, allow, "setxattr and its kin, below a descriptor"},
		{"file_getattr", nil, allow, "the flags of a file, as by the ioctl FS_IOC_FSGETXATTR"},
		{"file_setattr", nil, allow, "likewise FS_IOC_FSSETXATTR; immutable and append-only take a capability over the host"},
		{"rseq_slice_yield", nil, allow, "gives the rest of its time back"},
	}
}

// afterNewest is one more than the highest number in a native ABI's table.
func (a *abi) afterNewest() uint32 {
	a.load()
	return a.names[len(a.names)-1].nr + 1
}

// newest has the filter answer what is newer than its tables as an older kernel does.
func newest(p *policy) *policy {
	a := p.abis[0]
	a.newer = a.abi.afterNewest()
	return p
}

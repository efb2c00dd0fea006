// Chapter 13: arguments that the kernel cuts to 32 bits before it uses them, because their C
// type is int or unsigned int, or because it uses only the low bits (mode_t, the flags of
// clone). The register has 64 bits, and a filter sees all of them. If a rule compares all 64
// bits, a program can get around it by setting a bit that the kernel then ignores.
//
// man 2 seccomp, "The args field"; the SYSCALL_DEFINE lines of the kernel's source;
// CVE-2019-10063, which used an ioctl request.
//
// The lint and --seccomp-strict-ints use this table.

package main

import "strings"

// intArgs has a line for each call: its name, and the indices of its 32-bit arguments. Arguments
// that are descriptors are among them.
const intArgs = `
accept 0
accept4 0 3
access 1
arch_prctl 0
bind 0 2
bpf 0 2
chmod 1
clock_adjtime 0
clock_getres 0
clock_gettime 0
clock_nanosleep 0 1
clock_settime 0
clone 0
close 0
close_range 0 1 2
connect 0 2
creat 1
dup 0
dup2 0 1
dup3 0 1 2
epoll_create1 0
epoll_ctl 0 1 2
eventfd2 0 1
execveat 0 4
faccessat 0 2
faccessat2 0 2 3
fallocate 0 1
fanotify_init 0 1
fanotify_mark 0 1 3
fchmod 0 1
fchmodat 0 2
fchmodat2 0 2 3
fchownat 0 2 3 4
fcntl 0 1
finit_module 0 2
flock 0 1
fsconfig 0 1 4
fsmount 0 1 2
fsopen 1
fspick 0 2
futex 1 2 5
get_mempolicy 4
getpriority 0 1
getrandom 2
getsockopt 0 1 2
inotify_init1 0
io_uring_enter 0 1 2 3
io_uring_register 0 1 3
io_uring_setup 0
ioctl 0 1
ioperm 2
iopl 0
ioprio_set 0 1 2
ipc 0 1
kcmp 0 1 2
keyctl 0
kill 0 1
landlock_create_ruleset 2
landlock_restrict_self 0 1
lseek 0 2
madvise 2
mbind 2 5
membarrier 0 1 2
memfd_create 1
migrate_pages 0
mkdir 1
mkdirat 0 2
mknod 1 2
mknodat 0 2 3
mlock2 2
mlockall 0
mount_setattr 0 2
move_mount 0 2 4
move_pages 0 5
mq_open 1 2
msgctl 0 1
msgget 0 1
name_to_handle_at 0 4
open 1 2
open_by_handle_at 0 2
open_tree 0 2
open_tree_attr 0 2
openat 0 2 3
openat2 0
perf_event_open 1 2 3
personality 0
pidfd_getfd 0 1 2
pidfd_open 0 1
pidfd_send_signal 0 1 3
pipe2 1
pkey_mprotect 3
prctl 0
prlimit64 0 1
process_madvise 0 3
quotactl 0 2
quotactl_fd 0 1 2
reboot 0 1 2
renameat2 0 2 4
sched_setattr 0 2
sched_setscheduler 0 1
seccomp 0 1
semctl 0 1 2
semget 0 1 2
sendmmsg 0 2 3
sendmsg 0 2
sendto 0 3 5
set_mempolicy 0
setns 0 1
setpriority 0 1 2
setrlimit 0
setsockopt 0 1 2 4
shmctl 0 1
shmget 0 2
shutdown 0 1
signalfd4 0 3
socket 0 1 2
socketcall 0
socketpair 0 1 2
splice 0 2 5
statx 0 2 3
swapon 1
syslog 0 2
tee 0 1 3
timer_create 0
timerfd_create 0 1
umask 0
umount2 1
unlinkat 0 2
userfaultfd 0
vmsplice 0 3
wait4 0 2
waitid 0 1 3
`

// isInt reports whether the kernel uses only 32 bits of an argument of the call.
func isInt(name string, arg int) bool {
	_, rest, found := strings.Cut(intArgs, "\n"+name+" ")
	indices, _, _ := strings.Cut(rest, "\n")
	return found && strings.ContainsRune(indices, rune('0'+arg))
}

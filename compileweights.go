// Chapter 13: how often ordinary programs make each call. The compiler puts frequent calls near
// the beginning of the filter.
// man 1 strace (-f -c).
//
// The numbers were counted with strace over bash scripts with pipes, python3 (threads, asyncio,
// a process pool, an HTTP server), node (workers, an HTTP server), git (add, commit, log, gc),
// gcc, go build, and redis under its benchmark. Each program has the same weight, however many
// calls it made. A call that is not listed did not occur. The weights decide where instructions
// are placed, never a verdict.

package main

import (
	"strconv"
	"strings"
	"sync"
)

// callWeights lists calls with their number per 100,000 calls.
const callWeights = `
read 13020 futex 9851 write 9553 newfstatat 9341 openat 7683 readlink 6579 close 6332 mmap 4321
nanosleep 3756 rt_sigaction 3472 fcntl 2631 epoll_pwait 2447 lseek 2202 mprotect 1898
rt_sigprocmask 1724 munmap 1254 brk 904 statx 844 access 756 epoll_ctl 728 ioctl 667 getxattr 641
getpid 542 lgetxattr 459 recvfrom 452 gettid 433 setsockopt 424 set_robust_list 362 getsockname 352
getdents64 345 sendto 339 madvise 335 getcwd 289 unlink 251 rseq 242 pread64 236 writev 235
wait4 220 prlimit64 214 epoll_wait 201 geteuid 191 dup2 183 execve 179 accept4 173 getegid 153
getgid 153 getuid 153 clone 150 rt_sigreturn 140 clone3 136 poll 128 getrandom 124 pipe2 122
socket 122 connect 119 arch_prctl 115 shutdown 113 set_tid_address 105 utimensat 94 tgkill 66
fstat 62 sigaltstack 60 getpeername 57 sysinfo 55 link 48 fadvise64 46 mkdir 34 rmdir 31 statfs 31
dup3 28 sched_getaffinity 27 unlinkat 27 mkdirat 24 chdir 21 ftruncate 21 capget 18 rename 17
epoll_create1 16 vfork 15 eventfd2 14 sched_yield 13 prctl 12 faccessat2 11 pwrite64 11 waitid 9
getrusage 8 uname 4 bind 3 chmod 3 listen 3 umask 3 getsockopt 2 flock 1 fsync 1 getppid 1 open 1
pkey_alloc 1 socketpair 1
`

// weights is callWeights as a table. It is made at the first use: a package variable that is
// initialized by a call would need code that runs before main.
var (
	weights     map[string]float64
	weightsOnce sync.Once
)

func readWeights() {
	weights = make(map[string]float64, 128)
	name := ""
	for word := range strings.FieldsSeq(callWeights) {
		if name == "" {
			name = word
			continue
		}
		if n, err := strconv.Atoi(word); err == nil {
			weights[name] = float64(n) / 100_000
		}
		name = ""
	}
}

// weightOf returns a call's share of all calls.
func weightOf(name string) float64 {
	weightsOnce.Do(readWeights)
	return weights[name]
}

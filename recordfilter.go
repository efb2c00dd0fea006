// Chapter 13: the filter of tincan record. It refuses nothing, and reports calls to a listener.
// man 2 seccomp, man 2 seccomp_unotify.
//
// The kernel asks all filters of a process, and the strictest answer counts. So the filter of
// --seccomp stays in force during a recording: a call that it refuses is refused, and not
// reported. A call that it allows waits until the recorder (record.go) has noted it. Some calls
// are made by every program, many of them thousands of times. They are not reported unless
// they are needed (toldWhen), but assumed to be used.
//
// The child sends the listener's descriptor to the launcher while this filter is already in force,
// so those calls must not be reported. The filter recognises them by 128 random bits in arguments
// that the kernel ignores. Programs do not know these bits.

package main

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// An assumption is a row of the table: calls that every profile allows, whether or not they were
// seen.
type assumption struct {
	calls string
	told  toldWhen
	why   string
}

// toldWhen says when an assumed call is reported to the recorder.
type toldWhen uint8

const (
	neverTold  toldWhen = iota // never: programs make thousands of these calls
	forReports                 // if each program's calls, or the files, are listed
	alwaysTold                 // always: with these calls the recorder notices each program
)

// assumed returns the calls that a profile allows without --minimal. A name that an architecture
// does not have is ignored there.
func assumed() []assumption {
	return []assumption{
		{"brk mmap mmap2 munmap mremap mprotect madvise", neverTold, "memory: every allocator"},
		{"read write close lseek _llseek fstat fstat64 newfstatat fstatat64", neverTold, "files that are open; fstat has a second name"},
		{"futex futex_time64 sched_yield", neverTold, "threads that wait for each other"},
		{"rt_sigaction rt_sigprocmask rt_sigreturn sigreturn restart_syscall", neverTold, "signals; the kernel itself makes the last three"},
		{"clock_gettime clock_gettime64 clock_getres clock_getres_time64 gettimeofday time getcpu", neverTold, "time: the vDSO answers without a call on most machines, and not on all"},
		{"exit exit_group", neverTold, "the end"},

		{"execve", alwaysTold, "tincan and runc start the command with it, under the filter"},
		{"arch_prctl set_thread_area set_tid_address", alwaysTold, "the C libraries, once in each program"},
		{"access faccessat open openat pread64 set_robust_list rseq prlimit64 ugetrlimit getrandom", forReports, "the dynamic loaders and the C libraries, before main"},
		{"fcntl fstatfs getdents64", forReports, "runc and crun, which close descriptors under the filter"},
	}
}

// A recording is the part of `tincan record` that the plan needs.
type recording struct {
	program []unix.SockFilter
	flags   uintptr    // of seccomp(2)
	pass    [2]uintptr // the random bits
}

// recordedABIs returns the ABIs of this machine's kernel, the native one first.
func recordedABIs() []*abi {
	var out []*abi
	native, _ := abiNamed("")
	for i := range abis {
		if abis[i].family == native.family {
			out = append(out, &abis[i])
		}
	}
	return out
}

// recordedDefault returns the policy of --seccomp=default or setid for a recording. It covers the
// kernel's 32-bit ABI too: without a recording 32-bit programs are killed, so they could not be
// recorded. Calls with which they could get around the rules are refused. (ipc is not among them.)
func recordedDefault(spec string) (*policy, error) {
	all := &policy{name: spec}
	for _, a := range recordedABIs() {
		if a.bit != 0 {
			continue
		}
		p, _, err := seccompPolicyFor(a, spec, nil, false)
		if err != nil {
			return nil, err
		}
		p.abis[0].add("umount", rule{then: denied, why: "umount2 by its older name"})
		p.abis[0].add("socketcall", rule{then: unknownCall, why: "the socket's family is in memory, which a filter cannot read; socket has a number of its own since Linux 4.3"})
		all.abis = append(all.abis, p.abis[0])
	}
	return all, nil
}

// newRecording makes the filter. told reports whether an assumed call is reported to the recorder.
// If executable is true, mmap is reported when it makes memory executable.
func newRecording(told func(a *abi, nr uint32, when toldWhen) bool, executable bool) (*recording, error) {
	var pass [2]uint64
	for pass[0] == 0 || pass[1] == 0 {
		var b [16]byte
		sysRandom(b[:])
		for i, c := range b {
			pass[i/8] = pass[i/8]<<8 | uint64(c)
		}
	}
	p := &policy{name: "record"}
	const tell = verdict(unix.SECCOMP_RET_USER_NOTIF)
	for _, a := range recordedABIs() {
		rules := &abiPolicy{abi: a, otherwise: tell}
		for _, row := range assumed() {
			for _, name := range strings.Fields(row.calls) {
				nr, known := a.number(name)
				switch {
				case !known || told(a, nr, row.told):
					continue
				case executable && strings.HasPrefix(name, "mmap"):
					rules.addNumber(nr, name, rule{when: []cond{anyBit(2, unix.PROT_EXEC)}, then: tell})
				}
				rules.addNumber(nr, name, rule{then: allow})
			}
		}
		p.abis = append(p.abis, rules)
	}
	program, err := p.compile()
	if err != nil {
		return nil, err
	}
	r := &recording{program: letPass(program, pass), flags: unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, pass: [2]uintptr{uintptr(pass[0]), uintptr(pass[1])}}
	// Linux 5.19: while the recorder has a call, only a deadly signal interrupts it, so the call
	// is not made and counted twice. Without a filter seccomp(2) fails: with EFAULT if it knows
	// the flags.
	r.flags |= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, r.flags, 0); e != unix.EFAULT {
		r.flags &^= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	}
	return r, nil
}

// letPass changes the filter so that the random bits are compared before a call is reported. That
// is done at the end of the filter, so that it costs nothing for calls that are not reported: the
// kernel finds out in advance which calls a filter allows without looking at their arguments.
func letPass(program []unix.SockFilter, pass [2]uint64) []unix.SockFilter {
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jump = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		give = unix.BPF_RET | unix.BPF_K
	)
	end := len(program)
	for i := range program {
		if program[i].Code == give && program[i].K == unix.SECCOMP_RET_USER_NOTIF {
			program[i] = unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(end - i - 1)}
		}
	}
	return append(program,
		unix.SockFilter{Code: load, K: offLow(4)}, unix.SockFilter{Code: jump, Jf: 7, K: uint32(pass[0])},
		unix.SockFilter{Code: load, K: offHigh(4)}, unix.SockFilter{Code: jump, Jf: 5, K: uint32(pass[0] >> 32)},
		unix.SockFilter{Code: load, K: offLow(5)}, unix.SockFilter{Code: jump, Jf: 3, K: uint32(pass[1])},
		unix.SockFilter{Code: load, K: offHigh(5)}, unix.SockFilter{Code: jump, Jf: 1, K: uint32(pass[1] >> 32)},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF})
}

// recorderSteps returns the steps that install the filter and send the listener to the launcher.
//
//go:noinline
//tincan:runtime
func recorderSteps(r *recording, d *fds) []*step {
	install := installFilter(r.program, r.flags).because("record: from here on the kernel tells the launcher of every call").hinted(hintListener).keeping()
	return append([]*step{install}, listenerSteps(d)...)
}

func hintListener(e syscall.Errno) string {
	if e == unix.EBUSY {
		return "another program already watches the calls of this process (another tincan record, --seccomp-log, or a container manager), and the kernel allows only one: run tincan outside of it"
	}
	return ""
}

// marked puts the random bits into the calls between the recorder's filter and execve.
//
//tincan:runtime
func (r *recording) marked(steps []*step) {
	under := false
	for _, s := range steps {
		if under && s.kind != executes {
			s.args[4].n, s.args[5].n = r.pass[0], r.pass[1]
		}
		under = under || s.nr == unix.SYS_SECCOMP && s.keep == first
	}
}

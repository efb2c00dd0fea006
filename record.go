// tincan record: the recorder, which notes the system calls of a container. man 2 seccomp_unotify,
// linux/seccomp.h, man 5 proc_pid_exe.
//
// Under the recorder's filter (recordfilter.go) a call waits until the recorder has noted it and
// has answered with SECCOMP_USER_NOTIF_FLAG_CONTINUE. Then the kernel makes the call as it would
// without the filter. The answer does not allow anything: the filter of --seccomp has decided
// about the call in the kernel, and applies whatever the recorder answers.
//
// If the recorder ends, the kernel returns ENOSYS for every call that waits. A container without
// its recorder would therefore misbehave, so it ends too: it does not outlive the launcher (ns.go,
// monitor.go), and a recorder that fails kills it.
//
// A recording is an observation, not a proof: the calls of code that did not run are not in it.

package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A use is a system call that a program has made, and how often.
type use struct {
	abi   *abi
	nr    uint32
	name  string
	count int
	lacks int      // how many of them --diff's file does not allow
	rule  *argRule // --args: the argument's values

	paths []pathCall // --files: its arguments that are paths; nil before they are looked up
}

// A program is an executable and the calls that it has made.
type program struct {
	name string
	uses map[callKey]*use
}

// A callKey identifies a system call, whichever program makes it.
type callKey struct{ nr, arch uint32 }

// recorder holds what has been recorded. It is used while the container runs and at its end.
type recorder struct {
	abis []*abi
	args bool      // --args
	diff *policy   // --diff
	file *fileUses // --files, --apparmor-out

	mu       sync.Mutex // for the live view
	live     *liveView
	programs map[string]*program
	seen     map[callKey]bool // calls of all programs
	uses     int              // of all programs together
	text     int              // of the programs' names, in bytes
	full     bool             // some programs are counted as otherPrograms

	begun bool   // the command has made a call
	ip    uint64 // the instruction that makes tincan's own calls, which come first

	// The program of each thread, as long as it cannot have changed. nil means that the program
	// has to be looked up at every call.
	threads map[uint32]*program

	started bool
	done    chan struct{}
	err     error
}

// newRecorder returns a recorder that has seen nothing.
func newRecorder() *recorder {
	return &recorder{abis: recordedABIs(), threads: map[uint32]*program{}, programs: map[string]*program{}, seen: map[callKey]bool{}, done: make(chan struct{})}
}

// otherPrograms is the name under which programs are counted once there are too many. Their calls
// are recorded, but not which of these programs made them.
const otherPrograms = "(other programs)"

const (
	notifSetFlags = 0x40082104 // SECCOMP_IOCTL_NOTIF_SET_FLAGS
	syncWakeUp    = 1          // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
	letGoOn       = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// start begins to answer the listener's notifications. pidfd is the container's first process.
func (r *recorder) start(listener, pidfd int) {
	r.started = true
	first, err := unix.FcntlInt(uintptr(pidfd), unix.F_DUPFD_CLOEXEC, 3)
	go func() {
		defer close(r.done)
		defer unix.Close(listener)
		if err == nil {
			err = r.serve(listener)
			defer unix.Close(first)
		}
		if err != nil {
			r.err = fmt.Errorf("the recording ended before the command, and the container with it: %w", err)
			unix.PidfdSendSignal(first, unix.SIGKILL, nil, 0)
		}
	}()
}

// serve notes calls until no process is left under the filter.
func (r *recorder) serve(fd int) error {
	notif, resp, err := notifBuffers()
	if err != nil {
		return err
	}
	// Linux 6.6 can let the caller and the recorder, which wait for each other, run on the same
	// processor. On older kernels this call fails, which does no harm.
	rawCall(unix.SYS_IOCTL, uintptr(fd), notifSetFlags, syncWakeUp, 0, 0, 0)
	n, answer := (*seccompNotif)(unsafe.Pointer(&notif[0])), (*seccompNotifResp)(unsafe.Pointer(&resp[0]))
	for {
		if over, err := awaitCall(fd); over || err != nil {
			return err
		}
		clear(notif) // "the structure must be zeroed out"
		switch _, e := sysIoctl(fd, notifRecv, unsafe.Pointer(n)); e {
		case 0:
		case unix.EINTR, unix.ENOENT: // the caller was interrupted, or killed
			continue
		default:
			return fmt.Errorf("ioctl(%d, SECCOMP_IOCTL_NOTIF_RECV, ...) = %w", fd, e)
		}
		r.mu.Lock()
		r.note(fd, n)
		r.mu.Unlock()
		*answer = seccompNotifResp{id: n.id, flags: letGoOn}
		if _, e := sysIoctl(fd, notifSend, unsafe.Pointer(answer)); e != 0 && e != unix.ENOENT {
			return fmt.Errorf("ioctl(%d, SECCOMP_IOCTL_NOTIF_SEND, {flags=SECCOMP_USER_NOTIF_FLAG_CONTINUE}) = %w", fd, e)
		}
	}
}

// awaitCall waits for a call. over is true if no process is left that could make one.
//
// The next call usually comes at once, so the first wait is a raw system call: the Go runtime does
// not know that this thread waits, and does not hand its processor to another thread, which would
// take longer than the call. The wait is short, because the runtime cannot stop this thread
// meanwhile.
func awaitCall(fd int) (over bool, err error) {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	limit := unix.Timespec{Nsec: 2e6}
	n, _ := rawCall(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll[0])), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	for int(n) <= 0 && (err == nil || err == unix.EINTR) {
		var m int
		m, err = unix.Poll(poll, -1)
		n = uintptr(m)
	}
	return poll[0].Revents&(unix.POLLIN|unix.POLLHUP) == unix.POLLHUP, err
}

// note records a call. The caller could be gone, and its number given to another process: what was
// read from it is valid only if idValid still returns true afterwards.
func (r *recorder) note(fd int, n *seccompNotif) {
	if !r.begun {
		if r.ip == 0 {
			r.ip = n.ip
		}
		if n.ip == r.ip {
			return // one of tincan's own: execve, perhaps for several directories of PATH
		}
		r.begun = true
	}
	p := r.program(fd, n)
	u := p.use(r, uint32(n.nr), n.arch)
	if u == nil {
		return
	}
	u.count++
	if u.rule != nil {
		u.rule.allow(uint32(n.args[u.rule.arg]))
	}
	if r.diff != nil {
		if v, _ := r.diff.eval(sysCall{u.nr, n.arch, n.args}); !v.permits() {
			u.lacks++
		}
	}
	if r.file != nil {
		r.file.note(fd, n, u)
	}
	if u.name == "execve" || u.name == "execveat" {
		r.executes(n.pid)
	}
}

// use returns the program's entry for a call, and makes one if there is none. It returns nil for a
// call that is not recorded.
func (p *program) use(r *recorder, nr, arch uint32) *use {
	key := callKey{nr, arch}
	if u := p.uses[key]; u != nil {
		return u
	}
	for _, a := range r.abis {
		if a.audit != arch || !a.owns(nr) {
			continue
		}
		u := &use{abi: a, nr: nr, name: a.call(nr)}
		if r.uses >= mostUses {
			if r.full = true; p.name != otherPrograms {
				return r.named(otherPrograms).use(r, nr, arch)
			}
			if u.nameless() {
				return nil // calls with names are still recorded: there are only a few hundred
			}
		}
		if r.args {
			u.rule = watch(u.name)
		}
		if r.live != nil && !r.seen[key] {
			r.live.show(r, u)
		}
		p.uses[key], r.seen[key] = u, true
		r.uses++
		return u
	}
	return nil
}

// named returns the program of that name, and makes it if it is new.
func (r *recorder) named(name string) *program {
	p := r.programs[name]
	if p == nil && name != otherPrograms && (len(r.programs) >= mostPrograms || r.text+len(name) > mostText) {
		r.full = true
		return r.named(otherPrograms)
	}
	if p == nil {
		p = &program{name, map[callKey]*use{}}
		r.programs[name] = p
		r.text += len(name)
	}
	return p
}

// all returns the calls of all programs, sorted by name.
func (r *recorder) all() (all []*use) {
	for _, p := range r.programs {
		for _, u := range p.uses {
			all = append(all, u)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].less(all[j]) })
	return all
}

// less reports whether the call is sorted before another one.
func (u *use) less(v *use) bool { return u.text() < v.text() }

// text returns the call's name, after the name of its ABI if that is not the machine's own.
func (u *use) text() string {
	if u.abi == u.abi.native() {
		return u.name
	}
	return u.abi.name + " " + u.name
}

// nameless reports whether the tables have no name for the call, but only a number.
func (u *use) nameless() bool { return strings.Contains(u.name, " ") }

// mostThreads is the number of threads whose program is remembered.
const mostThreads = 10000

// program returns the program of the thread that makes a call.
func (r *recorder) program(fd int, n *seccompNotif) *program {
	if p := r.threads[n.pid]; p != nil {
		return p
	}
	name := programOf(n.pid)
	valid := idValid(fd, n)
	if !valid {
		name = "(ended)" // the thread's id may already belong to another one
	}
	p := r.named(name)
	if len(r.threads) > mostThreads {
		clear(r.threads) // their programs are looked up again
	}
	if _, doubtful := r.threads[n.pid]; valid && !doubtful {
		r.threads[n.pid] = p
	}
	return p
}

// executes is called when a thread is about to execute another program. Then "all threads other
// than the calling thread are destroyed", and the calling thread gets the id of the first one
// (execve(2)).
func (r *recorder) executes(thread uint32) {
	for t, p := range r.threads {
		if p != nil {
			delete(r.threads, t)
		}
	}
	fd, err := unix.PidfdOpen(int(thread), 0)
	if err == nil {
		unix.Close(fd)
		return // this is the first thread
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if _, rest, found := strings.Cut(string(status), "\nTgid:\t"); found {
		line, _, _ := strings.Cut(rest, "\n")
		if first, valid := number(line); valid {
			r.threads[uint32(first)] = nil
		}
	}
}

// idValid reports whether the caller still waits in this call.
func idValid(fd int, n *seccompNotif) bool {
	id := n.id
	return ioctlPointer(fd, notifIDValid, unsafe.Pointer(&id)) == 0
}

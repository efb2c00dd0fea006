// `tincan record`: what the kernel tells of the calls of a container.
// man 2 seccomp_unotify, linux/seccomp.h, man 5 proc_pid_exe.
//
// The recorder's filter (recordfilter.go) has the calls of the container's processes wait until
// the recorder has noted them. It answers each with SECCOMP_USER_NOTIF_FLAG_CONTINUE, with which
// the kernel makes the call as if nothing had been there. That is not a decision: --seccomp's own
// filter has made it, in the kernel, and it is asked for every call whatever the recorder says.
//
// If the recorder ends, the kernel answers ENOSYS to every call that waits, so the container must
// not outlive it: the launcher's death is the container's (ns.go, monitor.go), and a recorder
// that fails kills the container.
//
// A recording is an observation, not a proof: a path that the program did not take is not in it.

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

// A use is one call of one program.
type use struct {
	abi   *abi
	nr    uint32
	name  string
	count int
	lacks int      // of count, those that --diff's file does not allow
	rule  *argRule // --args

	paths []pathCall // --files: where its paths are; nil if that was not looked up yet
}

// A program is an executable, and the calls that it has made.
type program struct {
	name string
	uses map[callKey]*use
}

// A callKey is a call, whoever makes it.
type callKey struct{ nr, arch uint32 }

// recorder is what is known of the calls, while the container runs and after.
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
	full     bool             // something is counted as otherPrograms

	begun bool   // a call of the command's own was seen
	ip    uint64 // where the calls of tincan's come from, which precede it

	// The program of each thread, as long as it cannot have changed; nil for a thread of which that cannot be known.
	threads map[uint32]*program

	started bool
	done    chan struct{}
	err     error
}

// newRecorder returns a recorder that has seen nothing.
func newRecorder() *recorder {
	return &recorder{abis: recordedABIs(), threads: map[uint32]*program{}, programs: map[string]*program{}, seen: map[callKey]bool{}, done: make(chan struct{})}
}

// otherPrograms are those beyond the number that is kept. Their calls are recorded, but not which program's they are.
const otherPrograms = "(other programs)"

const (
	notifSetFlags = 0x40082104 // SECCOMP_IOCTL_NOTIF_SET_FLAGS
	syncWakeUp    = 1          // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
	letGoOn       = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// start serves the listener from now on. pidfd is the container's first process.
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
	// Linux 6.6: who waits for whom runs on the same processor. Older kernels do without.
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

// awaitCall waits for a call, and reports whether there can be none any more. The next call mostly comes at once. The first
// wait is a raw one: the runtime does not know that this thread waits, and need not give its processor to another thread and
// get it back, which takes longer than the call. It is short, since nothing that stops all threads can happen meanwhile.
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

// note notes a call. What is read of the caller is right only while the call waits: idValid.
func (r *recorder) note(fd int, n *seccompNotif) {
	if !r.begun {
		if r.ip == 0 {
			r.ip = n.ip
		}
		if n.ip == r.ip {
			return // tincan's own: execve, which may try several directories
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

// use finds a call among the program's.
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
				return nil // those that have names are not many
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

// named is the program of that name.
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

// all are the calls of all programs together, in the order of their names.
func (r *recorder) all() (all []*use) {
	for _, p := range r.programs {
		for _, u := range p.uses {
			all = append(all, u)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].less(all[j]) })
	return all
}

// less orders calls by name.
func (u *use) less(v *use) bool { return u.text() < v.text() }

// text is the call's name, with its ABI if that is not the machine's own.
func (u *use) text() string {
	if u.abi == u.abi.native() {
		return u.name
	}
	return u.abi.name + " " + u.name
}

// nameless reports whether the call has a number only.
func (u *use) nameless() bool { return strings.Contains(u.name, " ") }

// mostThreads is how many threads' programs are known at a time.
const mostThreads = 10000

// program is that of the thread that makes a call.
func (r *recorder) program(fd int, n *seccompNotif) *program {
	if p := r.threads[n.pid]; p != nil {
		return p
	}
	name := programOf(n.pid)
	valid := idValid(fd, n)
	if !valid {
		name = "(ended)" // the number may be another thread's by now
	}
	p := r.named(name)
	if len(r.threads) > mostThreads {
		clear(r.threads) // they are looked up again
	}
	if _, doubtful := r.threads[n.pid]; valid && !doubtful {
		r.threads[n.pid] = p
	}
	return p
}

// executes is called when a thread is about to become another program. "All threads other than the calling thread are
// destroyed", and it takes the first one's number (execve(2)).
func (r *recorder) executes(thread uint32) {
	for t, p := range r.threads {
		if p != nil {
			delete(r.threads, t)
		}
	}
	fd, err := unix.PidfdOpen(int(thread), 0)
	if err == nil {
		unix.Close(fd)
		return // it is the first one
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if _, rest, found := strings.Cut(string(status), "\nTgid:\t"); found {
		line, _, _ := strings.Cut(rest, "\n")
		if first, valid := number(line); valid {
			r.threads[uint32(first)] = nil
		}
	}
}

// idValid reports whether the call still waits.
func idValid(fd int, n *seccompNotif) bool {
	id := n.id
	return ioctlPointer(fd, notifIDValid, unsafe.Pointer(&id)) == 0
}

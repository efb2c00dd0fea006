// Chapter 13: --seccomp-log, which reports the calls that the filter refused, how often, and by
// which program.
//
// man 2 seccomp_unotify, man 7 unix.
//
// The kernel's own log of refusals (SECCOMP_RET_LOG, the audit log) belongs to the host, is
// rate-limited, and does not contain ERRNO verdicts. So the filter is compiled with
// SECCOMP_RET_USER_NOTIF in place of ERRNO: the call waits, and the kernel tells the launcher
// about it. The launcher counts the call and answers with the same errno.
//
// Why no verdict becomes weaker:
//   - The only answer is an errno. SECCOMP_USER_NOTIF_FLAG_CONTINUE, with which a supervisor
//     lets a call proceed, is not used here, and no file descriptor is passed. (record.go uses
//     the flag, for calls that the filter allows.)
//   - The errno is computed by the policy's evaluator from the registers that the kernel hands
//     over. The container cannot change these.
//   - Without a listener (the launcher has died, or has never fetched it) the kernel answers
//     ENOSYS itself, so the call is still refused.
//   - KILL, TRAP, TRACE, LOG and ALLOW are not changed. A kill is not in the report; the
//     program's status shows it.
//
// What does change: a refused call takes some microseconds; a signal may interrupt it while it
// waits, and it is then made and counted again; a filter inside the container cannot have a
// listener of its own (EBUSY).

package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notifying returns the policy with its refusals reported to a listener. seccomp(2) then needs
// SECCOMP_FILTER_FLAG_NEW_LISTENER, and returns the listener's descriptor (close-on-exec) in the
// filtered process.
func (p *policy) notifying() *policy {
	q := *p
	q.notify = true
	q.flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	return &q
}

// refusals is the result of serveRefusals.
type refusals struct {
	calls []refusedCall
	err   error
}

// startLog waits until the child has its filter and has sent the listener. From then on it
// serves the listener.
//
//tincan:runtime
func (l *launch) startLog() error {
	var b [1]byte
	if l.recorder != nil {
		// A child whose step fails now may be waiting for the recorder before it can report that.
		unix.SetsockoptTimeval(l.parent, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
	}
	for {
		m, err := receive(l.parent, b[:])
		if err != nil {
			return &callError{call: "recvmsg(PARENT)", err: err}
		}
		if m.n == 0 {
			return nil // the child has failed before, and supervise has its report
		}
		if m.fd < 0 {
			continue
		}
		if l.recorder != nil {
			l.recorder.start(m.fd, l.pidfd)
		} else {
			done := make(chan refusals, 1)
			l.refused = done
			go func() {
				calls, err := serveRefusals(m.fd, l.c.policy)
				done <- refusals{calls, err}
			}()
		}
		if _, err := unix.Write(l.parent, []byte{1}); err != nil {
			return &callError{call: "write(PARENT)", err: err}
		}
		return nil
	}
}

// refusedCall is a line of the report.
type refusedCall struct {
	program string
	abi     string
	call    string
	then    verdict
	count   int
}

// The structures seccomp_notif and seccomp_notif_resp of linux/seccomp.h.
type seccompNotif struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// seccompNotifResp is struct seccomp_notif_resp of seccomp_unotify(2).
type seccompNotifResp struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

const (
	notifRecv    = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	notifSend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	notifIDValid = 0x40082102 // SECCOMP_IOCTL_NOTIF_ID_VALID
)

// serveRefusals answers until no process is left under the filter, and closes the listener. It
// also returns its counts when it ends with an error; the kernel then refuses the calls itself.
func serveRefusals(fd int, p *policy) ([]refusedCall, error) {
	defer unix.Close(fd)
	counts := map[refusedCall]int{}
	err := answerAll(fd, p, counts)
	report := make([]refusedCall, 0, len(counts))
	for c, n := range counts {
		c.count = n
		report = append(report, c)
	}
	sort.Slice(report, func(i, j int) bool {
		a, b := &report[i], &report[j]
		if a.count != b.count {
			return a.count > b.count
		}
		return a.program+" "+a.call+" "+a.abi < b.program+" "+b.call+" "+b.abi
	})
	return report, err
}

// notifBuffers returns memory for a notification and an answer. "The sizes of the structures may
// change": the kernel writes as many bytes as its own structures have, which is seldom more than
// ours.
func notifBuffers() (notif, resp []uint64, err error) {
	var sizes struct{ notif, resp, data uint16 }
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0, uintptr(unsafe.Pointer(&sizes))); e != 0 {
		return nil, nil, fmt.Errorf("seccomp(SECCOMP_GET_NOTIF_SIZES, 0, ...) = %w", e)
	}
	notif = make([]uint64, max(int(sizes.notif), int(unsafe.Sizeof(seccompNotif{})))/8+1)
	return notif, make([]uint64, max(int(sizes.resp), int(unsafe.Sizeof(seccompNotifResp{})))/8+1), nil
}

func answerAll(fd int, p *policy, counts map[refusedCall]int) error {
	notif, resp, err := notifBuffers()
	if err != nil {
		return err
	}
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return fmt.Errorf("poll([{%d, POLLIN}], 1, -1) = %w", fd, err)
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return nil // POLLHUP: no process is left under the filter
		}
		clear(notif) // "the structure must be zeroed out"
		n := (*seccompNotif)(unsafe.Pointer(&notif[0]))
		if e := ioctlPointer(fd, notifRecv, unsafe.Pointer(n)); e == unix.EINTR || e == unix.ENOENT {
			continue // the process was interrupted or killed before we could read the notification
		} else if e != 0 {
			return fmt.Errorf("ioctl(%d, SECCOMP_IOCTL_NOTIF_RECV, ...) = %w", fd, e)
		}
		call := sysCall{nr: uint32(n.nr), arch: n.arch, args: n.args}
		then, _ := p.eval(call)
		line := refusedCall{program: programOf(n.pid), call: fmt.Sprintf("call %d", n.nr), then: then}
		if e := ioctlPointer(fd, notifIDValid, unsafe.Pointer(&n.id)); e != 0 {
			line.program = "a program that has ended" // its process id may belong to another process by now
		}
		if a := p.judge(call); a != nil {
			line.call = a.abi.call(call.nr)
			if a != p.abis[0] {
				line.abi = a.abi.name
			}
		}
		counts[line]++
		clear(resp)
		r := (*seccompNotifResp)(unsafe.Pointer(&resp[0]))
		*r = seccompNotifResp{id: n.id, error: -int32(unix.EPERM)}
		if then.action() == unix.SECCOMP_RET_ERRNO {
			r.error = -int32(then.data())
		}
		if e := ioctlPointer(fd, notifSend, unsafe.Pointer(r)); e != 0 && e != unix.ENOENT {
			return fmt.Errorf("ioctl(%d, SECCOMP_IOCTL_NOTIF_SEND, {error=%d}) = %w", fd, r.error, e)
		}
	}
}

// ioctlPointer is ioctl(2) with a pointer.
func ioctlPointer(fd int, request uint, p unsafe.Pointer) unix.Errno {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(p))
	return e
}

// programOf returns the path of a process's executable or, if that cannot be read, the name that
// the process has given itself.
func programOf(pid uint32) string {
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil {
		return exe
	}
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return strings.TrimSpace(string(comm))
	}
	return fmt.Sprintf("process %d", pid)
}

// refusalReport returns the report that is printed at the end: a line for each program, call and
// errno.
func refusalReport(report []refusedCall) (lines []string) {
	if len(report) == 0 {
		return []string{"seccomp: the filter did not refuse any call"}
	}
	for _, r := range report {
		times := "once"
		if r.count > 1 {
			times = fmt.Sprintf("%d times", r.count)
		}
		call := r.call
		if r.abi != "" {
			call = r.abi + " " + call
		}
		lines = append(lines, fmt.Sprintf("seccomp: %s refused to %s %s, with %s", call, r.program, times, r.then.long()))
	}
	return lines
}

// --step: the calls of the plan are made one at a time.
//
// socketpair(2), unix(7) SO_PASSCRED, termios(3), proc(5).
//
// Each call of the child gets a gate in front of it, which consists of two more steps of the
// plan: a write that says which call is next, and a read that waits for the answer. The loop
// does not have to know about this. While the child waits, the launcher reads what /proc shows
// about it, and prints what the last call has changed.

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stepper makes the plan's calls one at a time, for --step.
type stepper struct {
	l         *launch
	ours      int // the launcher's end of the socket pair
	theirs    int
	free      bool // go on without asking
	last      int  // the call whose effect is shown next, or -1
	before    map[string][]string
	beforePid int
	mu        sync.Mutex
	quit      bool
}

type quitError struct{}

func (*quitError) Error() string { return "ended at your request; the command was not executed" }

var errQuit = &quitError{}

// newStepper returns the stepper of a launch. It needs a terminal.
//
//tincan:runtime
func newStepper(l *launch) (*stepper, error) {
	if !isTerminal(0) || !isTerminal(2) {
		return nil, errors.New("--step: this needs a terminal, but standard input or standard error is not a terminal")
	}
	pair, e := sysSocketpair(unix.SOCK_SEQPACKET)
	if e != 0 {
		return nil, failedCall("socketpair", "", "AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0", e)
	}
	l.closing = append(l.closing, pair[0])
	if err := passCredentials(pair[0]); err != nil {
		return nil, err
	}
	l.fds.step = pair[1]
	// hostnameOf ends threads, but the thread that clones must stay: PR_SET_PDEATHSIG.
	runtime.LockOSThread()
	return &stepper{l: l, ours: pair[0], theirs: pair[1], last: -1}, nil
}

// gate returns the two steps that come before a step.
func (s *stepper) gate(next *step) []*step {
	if next.kind == executes {
		return nil // the filter may not allow it, and no more changes can be shown
	}
	n := new([4]byte)
	binary.LittleEndian.PutUint32(n[:], uint32(next.index))
	w := call("write", unix.SYS_WRITE, fd(s.theirs, "STEP"), mem(unsafe.Pointer(n), "NUMBER"), num(4))
	return []*step{w, readByte(fd(s.theirs, "STEP"))}
}

// begin answers the child's gates until there are no more.
//
//tincan:runtime
func (s *stepper) begin() {
	unix.Close(s.theirs)
	go func() {
		for {
			i, pid, ok := s.next()
			if !ok {
				return
			}
			s.mu.Lock()
			s.showChanges(pid)
			err := s.ask(i)
			s.last = i
			s.mu.Unlock()
			if err != nil {
				unix.Close(s.ours) // the child reads end of file and ends
				return
			}
			unix.Write(s.ours, []byte{1})
		}
	}()
}

// next waits for a gate. It returns the number of the step and the process that waits there.
func (s *stepper) next() (i, pid int, ok bool) {
	var b [4]byte
	m, err := receive(s.ours, b[:])
	return int(binary.LittleEndian.Uint32(b[:])), m.pid, err == nil && m.n == 4 && m.pid != 0
}

// host asks before a step of the launcher.
func (s *stepper) host(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ask(i)
}

// ask shows a step and waits for a key.
func (s *stepper) ask(i int) error {
	if s.quit {
		return errQuit
	}
	st := s.l.plan[i]
	say("%d/%d %s  %s%s", i+1, len(s.l.plan), st.actor, st, tolerated(st))
	say("      step %d: %s", st.chapter, chapters[st.chapter].title)
	if st.why != "" {
		say("      %s", st.why)
	}
	if s.free {
		return nil
	}
	fmt.Fprint(os.Stderr, "tincan:       [Enter] make it   [c] continue to the end   [q] quit ")
	k, err := s.key()
	fmt.Fprint(os.Stderr, "\r\x1b[K")
	if err != nil {
		return err
	}
	switch k {
	case 'c':
		s.free = true
	case 'q', 3, 4: // Ctrl-C, Ctrl-D
		s.quit = true
		return errQuit
	}
	return nil
}

// key reads one key press. The command's process group may already have the terminal; then the
// launcher takes it back until the answer.
func (s *stepper) key() (byte, error) {
	if t := s.l.term; t != nil {
		if now := t.foreground(); now != t.own && now != 0 {
			t.setForeground(t.own)
			defer t.setForeground(now)
		}
	}
	old, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return 0, err
	}
	raw := *old
	raw.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(0, unix.TCSETS, &raw); err != nil {
		return 0, err
	}
	defer unix.IoctlSetTermios(0, unix.TCSETS, old)
	var b [1]byte
	n, err := retry(func() (int, error) { return unix.Read(0, b[:]) })
	if err == nil && n == 0 {
		b[0] = 4 // the terminal has been closed
	}
	return b[0], err
}

// showChanges compares what /proc shows about the process with what it showed before the last
// call.
func (s *stepper) showChanges(pid int) {
	now := observe(pid)
	if s.last >= 0 && pid == s.beforePid {
		same := true
		for _, key := range observed {
			for _, line := range s.before[key] {
				if !slices.Contains(now[key], line) {
					say("      - %s %s", key, line)
					same = false
				}
			}
			for _, line := range now[key] {
				if !slices.Contains(s.before[key], line) {
					say("      + %s %s", key, line)
					same = false
				}
			}
		}
		if same && !s.free {
			say("      = done; nothing that /proc shows has changed")
		}
	}
	s.before, s.beforePid = now, pid
}

// observed are the keys of observe's result, in the order of printing.
var observed = []string{"namespace", "hostname", "group", "mount", "root", "cwd", "status", "limit", "descriptor"}

// statusKeys are the lines of /proc/PID/status that the plan can change.
var statusKeys = []string{"Umask", "Uid", "Gid", "Groups", "NSpgid", "SigBlk", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"}

// observe returns what can be seen of a process from outside.
func observe(pid int) map[string][]string {
	dir := fmt.Sprintf("/proc/%d/", pid)
	out := map[string][]string{}
	add := func(key, line string) { out[key] = append(out[key], line) }
	lines := func(file string) []string {
		b, _ := os.ReadFile(dir + file)
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	for _, ns := range []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"} {
		link, _ := os.Readlink(dir + "ns/" + ns)
		add("namespace", link)
	}
	add("hostname", hostnameOf(dir))
	out["group"] = lines("cgroup")
	mounts, _ := os.ReadFile(dir + "mountinfo")
	for _, m := range mountLines(string(mounts)) {
		add("mount", fmt.Sprintf("%s (%s of %s, %s)", printable(m.point), m.fstype, printable(m.root), m.options))
	}
	for _, link := range []string{"root", "cwd"} {
		to, _ := os.Readlink(dir + link)
		add(link, to)
	}
	for _, line := range lines("status") {
		if key, _, _ := strings.Cut(line, ":"); slices.Contains(statusKeys, key) {
			add("status", strings.Join(strings.Fields(line), " "))
		}
	}
	for i, line := range lines("limits") {
		if i > 0 {
			add("limit", strings.Join(strings.Fields(line), " "))
		}
	}
	names, _ := os.ReadDir(dir + "fd")
	for _, n := range names {
		to, _ := os.Readlink(dir + "fd/" + n.Name())
		add("descriptor", n.Name()+" -> "+to)
	}
	return out
}

// hostnameOf reads the hostname in the process's own UTS namespace, on a thread that ends
// afterwards.
func hostnameOf(dir string) string {
	result := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with the goroutine
		name := ""
		if fd, err := unix.Open(dir+"ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			var u unix.Utsname
			if unix.Setns(fd, unix.CLONE_NEWUTS) == nil && unix.Uname(&u) == nil {
				name = unix.ByteSliceToString(u.Nodename[:])
			}
			unix.Close(fd)
		}
		result <- name
	}()
	return <-result
}

// The launcher's signals: one descriptor for poll(2), and one place that reads it.
//
// signal(7), signalfd(2), sigaction(2), credentials(7).
//
// Before the runtime starts there is one thread: the signals are blocked, and read from a
// signalfd. With the runtime there are several threads, and os/signal makes a goroutine write a
// byte to a pipe for each signal.
//
// Differs from the tutorial: there, a signal ends the launcher, and the command and its group
// stay.

package main

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// passed lists the signals that the launcher passes on: those that people and programs send to a
// running command. The other signals usually end the launcher by their default action, and the
// container with it.
var passed = [...]struct {
	signal syscall.Signal
	why    string
}{
	{unix.SIGTERM, "kill(1), timeout(1), systemd"},
	{unix.SIGINT, "Ctrl-C, if the command does not have the terminal"},
	{unix.SIGHUP, "the terminal was closed; daemons read their configuration again"},
	{unix.SIGQUIT, "Ctrl-\\"},
	{unix.SIGTSTP, "Ctrl-Z"},
	{unix.SIGCONT, "the shell's fg and bg"},
	{unix.SIGUSR1, "the command decides what it means"},
	{unix.SIGUSR2, "the command decides what it means"},
	{unix.SIGWINCH, "the size of the terminal has changed"},
	{unix.SIGALRM, "the command decides what it means"},
	{unix.SIGPWR, "lxc and machines: the power fails"},
	{unix.SIGCHLD, "not passed on: without an init it reports that the command was stopped"},
}

// signalSource is where the launcher reads its signals. The zero value has no signals.
type signalSource struct {
	fd   int              // the descriptor for poll(2); 0 before start
	mask uint64           // the signal mask before start, in early mode
	put  []syscall.Signal // signals that were put back, and are returned first
}

// earlySignals are the signals that a run before the runtime had read when it gave up.
var earlySignals []syscall.Signal

// start is called before anything is made, so that a signal cannot end the launcher halfway and
// leave something behind. Signals that the caller ignores (nohup(1)) stay ignored.
func (s *signalSource) start() error {
	if !early {
		return s.startWithRuntime()
	}
	// If the caller ignores SIGCHLD, the launcher could not wait for a child (wait(2)).
	setAction(unix.SIGCHLD, sigaction{})
	var set uint64
	for i := range passed {
		set |= bit(passed[i].signal)
	}
	// A write to a pipe that no process reads, or beyond the caller's limit of file sizes, must be an
	// error, and not end the launcher.
	s.mask = sysSigmask(unix.SIG_BLOCK, set|bit(unix.SIGPIPE)|bit(unix.SIGXFSZ))
	fd, e := sysSignalfd(set)
	if e != 0 {
		return failedCall("signalfd4", "", "-1, [...], 8, SFD_CLOEXEC|SFD_NONBLOCK", e)
	}
	s.fd = fd
	return nil
}

// startWithRuntime begins to receive signals by os/signal.
//
//tincan:runtime
func (s *signalSource) startWithRuntime() error {
	p, e := sysPipe(unix.O_NONBLOCK)
	if e != 0 {
		return failedCall("pipe2", "", "O_CLOEXEC|O_NONBLOCK", e)
	}
	s.fd, s.put, earlySignals = p[0], append(s.put, earlySignals...), nil
	caught := make(chan os.Signal, 64)
	for _, p := range passed {
		if !signal.Ignored(p.signal) {
			signal.Notify(caught, p.signal)
		}
	}
	if !signal.Ignored(unix.SIGXFSZ) { // Go's runtime would print a stack trace
		signal.Notify(make(chan os.Signal, 1), unix.SIGXFSZ)
	}
	go forward(caught, p[1])
	return nil
}

// forward writes a byte for each signal.
func forward(caught <-chan os.Signal, to int) {
	for sig := range caught {
		unix.Write(to, []byte{byte(sig.(syscall.Signal))})
	}
}

// callers returns the signal mask with which the caller started the launcher. own is the
// launcher's present mask: before the runtime, signals are blocked for the signalfd.
func (s *signalSource) callers(own uint64) uint64 {
	if early && s.fd != 0 {
		return s.mask
	}
	return own
}

// stop undoes start before begin returns, because the runtime sets up its own signal handling.
func (s *signalSource) stop() {
	if early && s.fd != 0 {
		earlySignals = s.put
		sysClose(s.fd)
		setAction(unix.SIGXFSZ, setAction(unix.SIGXFSZ, sigaction{handler: sigIgn})) // one that is pending is discarded
		sysSigmask(unix.SIG_SETMASK, s.mask)
		s.fd = 0
	}
}

// next returns the next signal that has arrived, or false if there is none.
func (s *signalSource) next() (syscall.Signal, bool) {
	if n := len(s.put); n > 0 {
		sig := s.put[0]
		s.put = s.put[1:]
		return sig, true
	}
	if s.fd == 0 {
		return 0, false
	}
	for early {
		b := space(int(unsafe.Sizeof(unix.SignalfdSiginfo{})))
		if n, e := sysRead(s.fd, b); e != 0 || n != len(b) {
			return 0, false
		}
		// "Blocked signals are never ignored" (kernel/signal.c), so ignored signals are skipped
		// here.
		sig := syscall.Signal((*unix.SignalfdSiginfo)(unsafe.Pointer(&b[0])).Signo)
		if getAction(sig).handler != sigIgn {
			return sig, true
		}
	}
	b := space(1)
	n, e := sysRead(s.fd, b)
	return syscall.Signal(b[0]), e == 0 && n == 1
}

// later puts a signal back, so that next returns it again.
func (s *signalSource) later(sig syscall.Signal) { s.put = add(s.put, sig) }

func bit(s syscall.Signal) uint64 { return 1 << (uint(s) - 1) }

func sysSignalfd(set uint64) (int, syscall.Errno) {
	r, e := rawCall(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&set)), sigsetSize, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK, 0, 0)
	return int(r), e
}

const sigIgn = 1 // SIG_IGN of asm-generic/signal-defs.h; SIG_DFL is 0

// sigaction is the kernel's struct sigaction, which is not the C library's.
type sigaction struct {
	handler, flags uintptr
	rest           [2]uint64 // restorer and mask; on riscv64 the mask comes first
}

// setAction is rt_sigaction(2). It returns the previous action.
func setAction(s syscall.Signal, action sigaction) (old sigaction) {
	rawCall(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), uintptr(unsafe.Pointer(&old)), sigsetSize, 0, 0)
	return old
}

func getAction(s syscall.Signal) (action sigaction) {
	rawCall(unix.SYS_RT_SIGACTION, uintptr(s), 0, uintptr(unsafe.Pointer(&action)), sigsetSize, 0, 0)
	return action
}

// ignore ignores a signal from now on.
func ignore(s syscall.Signal) { setAction(s, sigaction{handler: sigIgn}) }

// stopSelf stops the launcher, or its whole process group, by the default action of SIGTSTP. It
// does not use SIGSTOP: with SIGTSTP the kernel does not stop an orphaned process group, which
// no shell would continue (setpgid(2)).
func stopSelf(group bool) {
	old := setAction(unix.SIGTSTP, sigaction{})
	if group {
		sysKill(0, unix.SIGTSTP)
	} else {
		sysKillThread(unix.SIGTSTP)
	}
	mask := sysSigmask(unix.SIG_UNBLOCK, bit(unix.SIGTSTP)) // here the process stops
	if group && !early {
		waitUntilTaken(unix.SIGTSTP)
	}
	sysSigmask(unix.SIG_SETMASK, mask)
	setAction(unix.SIGTSTP, old)
}

// waitUntilTaken waits until one of the threads has taken the signal, which must happen while
// the default action is set.
//
//tincan:runtime
func waitUntilTaken(s syscall.Signal) {
	for pendingToAny(s) {
		time.Sleep(100 * time.Microsecond)
	}
}

// sysKillThread sends a signal to this thread.
func sysKillThread(s syscall.Signal) {
	tid, _ := rawCall(unix.SYS_GETTID, 0, 0, 0, 0, 0, 0)
	rawCall(unix.SYS_TGKILL, uintptr(sysGetpid()), tid, uintptr(s), 0, 0, 0)
}

// catchAll is for a machine's PID 1, which no signal may end: it catches all signals, and those
// that are not passed on are dropped. Go does not handle three of them, and these must not have
// their default action: the kernel may treat them as fatal while the main thread blocks them
// (kernel/signal.c, complete_signal). They get the same handler as the others. Ignoring them is
// not possible, because the command would inherit that.
func (s *signalSource) catchAll() error {
	p, e := sysPipe(unix.O_NONBLOCK)
	if e != 0 {
		return failedCall("pipe2", "", "O_CLOEXEC|O_NONBLOCK", e)
	}
	s.fd = p[0]
	all, caught := make(chan os.Signal, 64), make(chan os.Signal, 64)
	signal.Notify(all)
	for sig := syscall.Signal(32); sig <= 34; sig++ {
		setAction(sig, getAction(unix.SIGUSR1))
	}
	go func() {
		for sig := range all {
			if isPassed(sig.(syscall.Signal)) {
				caught <- sig
			}
		}
	}()
	go forward(caught, p[1])
	return nil
}

func isPassed(s syscall.Signal) bool {
	for i := range passed {
		if passed[i].signal == s {
			return true
		}
	}
	return false
}

// signalName returns the name of a signal, such as SIGTERM, or a name with its number if it has
// none.
func signalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	if s >= 32 && s <= 64 {
		return "SIGRT_" + decimal(int(s)-32)
	}
	return "signal " + decimal(int(s))
}

// pendingToAny reports whether a signal to the launcher's process is still pending, that is, not
// yet taken by a thread: ShdPnd of proc_pid_status(5).
func pendingToAny(s syscall.Signal) bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := cut(string(b), "\nShdPnd:\t")
	text, _, _ := cut(rest, "\n")
	set, err := strconv.ParseUint(text, 16, 64)
	return err == nil && set>>(s-1)&1 == 1
}

// The launcher's signals: each becomes a byte in a pipe, for poll(2).
//
// sigaction(2), signal(7), signal-safety(7), sigaltstack(2).
//
// Go's os/signal would do, but for each signal it has a few switches between threads,
// and a thread that waits: together more than all else that the launcher does before
// the clone. A handler of half a dozen instructions (signals_*.s) writes the signal's
// number to the pipe, which is all that is wanted of it. (os/signal knows nothing of it
// and must not be asked for one of these signals.)
//
// Differs from the tutorial: there a signal ends the launcher, and the command and its
// group stay behind.

package main

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// passed are the signals that the launcher passes on: those that people and programs
// send to a running command. Of the others, the usual default action is the launcher's
// end, and with it the container's.
var passed = []struct {
	signal syscall.Signal
	why    string
}{
	{unix.SIGTERM, "kill(1), timeout(1), systemd"},
	{unix.SIGINT, "Ctrl-C where the terminal is not the command's own"},
	{unix.SIGHUP, "the terminal is gone; daemons read their configuration again"},
	{unix.SIGQUIT, "Ctrl-\\"},
	{unix.SIGTSTP, "Ctrl-Z"},
	{unix.SIGCONT, "the shell's fg and bg"},
	{unix.SIGUSR1, "whatever the command says"},
	{unix.SIGUSR2, "whatever the command says"},
	{unix.SIGWINCH, "the terminal has another size"},
	{unix.SIGALRM, "whatever the command says"},
	{unix.SIGPWR, "lxc and machines: the power goes"},
	{unix.SIGCHLD, "not passed on: without an init it says that the command was stopped"},
}

// signalPipe is where the handler writes.
//
//lint:ignore U1000 signals_*.s read it
var signalPipe int32

// The addresses of the handlers and of what they return to (amd64), in signals_*.s.
var handlerAddress, faultAddress, nothingAddress, returnAddress uintptr

// goHandler is Go's own handler, for faults.
//
//lint:ignore U1000 signals_*.s read it
var goHandler uintptr

const (
	sigIgn     = 1          // SIG_IGN of asm-generic/signal-defs.h; SIG_DFL is 0
	saRestorer = 0x04000000 // SA_RESTORER of the kernel's asm/signal.h
	saOnStack  = 0x08000000 // a stack of its own: a goroutine's may be too small
	saRestart  = 0x10000000 // system calls that were interrupted go on by themselves
)

// sigaction is the kernel's struct sigaction, which is not the C library's.
type sigaction struct {
	handler, flags uintptr
	rest           [2]uint64 // restorer and mask; on riscv64 the mask comes first
}

// caught is the action of a signal that becomes a byte in the pipe. No other signal
// comes in between.
func caught() sigaction {
	a := sigaction{handlerAddress, saOnStack | saRestart, [2]uint64{0, ^uint64(0)}}
	switch runtime.GOARCH {
	case "amd64":
		a.flags |= saRestorer // elsewhere a handler returns to the vDSO
		a.rest[0] = uint64(returnAddress)
	case "riscv64":
		a.rest[0] = ^uint64(0)
	}
	return a
}

// setAction is rt_sigaction(2). It gives the action until then.
func setAction(s syscall.Signal, action sigaction) (old sigaction) {
	const sigsetsize = 8
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), uintptr(unsafe.Pointer(&old)), sigsetsize, 0, 0)
	return old
}

// catchSignals comes before anything is made, so that a signal cannot end the launcher
// in between and leave something behind. What the caller ignores (nohup(1)) stays
// ignored. It gives the pipe's reading end.
func catchSignals() (int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, &hostError{call: "pipe2(O_CLOEXEC|O_NONBLOCK)", err: err}
	}
	signalPipe = int32(p[1])
	for _, s := range passed {
		if old := setAction(s.signal, caught()); old.handler == sigIgn {
			setAction(s.signal, old)
		}
	}
	return p[0], nil
}

// onlyOwnFaults makes SIGSEGV and its like harmless if they were sent and not made by a
// fault: Go would take them for one and end.
func onlyOwnFaults() {
	for _, s := range []syscall.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE} {
		a := defaultAction(s)
		goHandler, a.handler = a.handler, faultAddress
		setAction(s, a)
	}
}

// doNothing makes a signal harmless, for this process and not for the programs that it
// starts. SIG_IGN would pass on to those; and SIG_DFL, which PID 1 is said to be safe
// from, is fatal if the main thread has the signal blocked just then and another thread
// has not (the kernel's sig_ignored and complete_signal, kernel/signal.c).
func doNothing(s syscall.Signal) {
	a := caught()
	a.handler = nothingAddress
	setAction(s, a)
}

// ignore ignores a signal from now on.
func ignore(s syscall.Signal) { setAction(s, sigaction{handler: sigIgn}) }

// defaultAction gives a signal its default action.
func defaultAction(s syscall.Signal) (old sigaction) { return setAction(s, sigaction{}) }

// stopDefault stops the launcher, or its whole process group, by SIGTSTP's default
// action. It is not SIGSTOP, because the kernel does not stop an orphaned process
// group, which no shell would ever continue, by SIGTSTP (setpgid(2)).
func stopDefault(group bool) {
	old := defaultAction(unix.SIGTSTP)
	if group {
		unix.Kill(0, unix.SIGTSTP)
		for pendingToAny(unix.SIGTSTP) { // any thread may take it, and must find the default action
			time.Sleep(100 * time.Microsecond)
		}
	} else {
		unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGTSTP)
	}
	setAction(unix.SIGTSTP, old)
}

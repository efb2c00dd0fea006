// The handler of signals: half a dozen instructions that Go knows nothing of.
package main

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// signalled waits for the next byte of the pipe, or gives 0.
func signalled(pipe int, wait time.Duration) syscall.Signal {
	fds := []unix.PollFd{{Fd: int32(pipe), Events: unix.POLLIN}}
	if n, _ := retry(func() (int, error) { return unix.Poll(fds, int(wait.Milliseconds())) }); n != 1 {
		return 0
	}
	var b [1]byte
	unix.Read(pipe, b[:])
	return syscall.Signal(b[0])
}

func TestSignalsBecomeBytes(t *testing.T) {
	var before []sigaction
	for _, p := range passed {
		before = append(before, setAction(p.signal, sigaction{}))
	}
	t.Cleanup(func() {
		for i, p := range passed {
			setAction(p.signal, before[i])
		}
	})
	ignore(unix.SIGUSR2)
	pipe, err := catchSignals()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range passed {
		unix.Kill(os.Getpid(), p.signal)
		want, wait := p.signal, 5*time.Second
		if p.signal == unix.SIGUSR2 {
			want, wait = 0, 100*time.Millisecond
		}
		if s := signalled(pipe, wait); s != want {
			t.Errorf("%s: the pipe says %d, want %d", signalName(p.signal), s, want)
		}
	}
	// A few thousand, at threads that are doing something.
	stop := make(chan bool)
	defer close(stop)
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					deep(20)
				}
			}
		}()
	}
	for i := range 5000 {
		unix.Kill(os.Getpid(), unix.SIGUSR1)
		if s := signalled(pipe, 5*time.Second); s != unix.SIGUSR1 {
			t.Fatalf("SIGUSR1 number %d: the pipe says %d", i, s)
		}
	}
}

// deep uses stack, and has it grow and move.
func deep(n int) [64]int {
	var a [64]int
	if n == 0 {
		runtime.Gosched()
		return a
	}
	a = deep(n - 1)
	a[n]++
	return a
}

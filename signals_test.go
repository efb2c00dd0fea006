// The launcher's signals, as they are with the runtime. Before it they are tested by the
// whole program (test/).
package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// signalled waits for the next signal, or returns 0.
func signalled(s *signalSource, wait time.Duration) syscall.Signal {
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	for end := time.Now().Add(wait); time.Now().Before(end); {
		sysPoll(fds, 10)
		if sig, come := s.next(); come {
			return sig
		}
	}
	return 0
}

func TestSignalsAreRead(t *testing.T) {
	s := &signalSource{}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	for i := range passed {
		want := passed[i].signal
		if want == unix.SIGCHLD { // other tests have children
			continue
		}
		unix.Kill(os.Getpid(), want)
		got := signalled(s, 5*time.Second)
		for got == unix.SIGCHLD {
			got = signalled(s, 5*time.Second)
		}
		if got != want {
			t.Errorf("%s: %d was read", signalName(want), got)
		}
	}
	s.later(unix.SIGUSR1)
	s.later(unix.SIGHUP)
	if a, _ := s.next(); a != unix.SIGUSR1 {
		t.Errorf("the first that was put back: %d", a)
	}
	if b, _ := s.next(); b != unix.SIGHUP {
		t.Errorf("the second that was put back: %d", b)
	}
}

// How the launcher reads signals when Go's runtime runs. The tests in test/ cover the case without
// it.
package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// signalled waits for the next signal and returns it, or 0 if none comes.
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

// TestSignalsAreRead sends each signal that the launcher passes on.
func TestSignalsAreRead(t *testing.T) {
	s := &signalSource{}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	for i := range passed {
		want := passed[i].signal
		if want == unix.SIGCHLD { // other tests start processes
			continue
		}
		unix.Kill(os.Getpid(), want)
		got := signalled(s, 5*time.Second)
		for got == unix.SIGCHLD {
			got = signalled(s, 5*time.Second)
		}
		if got != want {
			t.Errorf("sent %s, read %d", signalName(want), got)
		}
	}
	s.later(unix.SIGUSR1)
	s.later(unix.SIGHUP)
	if a, _ := s.next(); a != unix.SIGUSR1 {
		t.Errorf("the first signal that was put back is read as %d", a)
	}
	if b, _ := s.next(); b != unix.SIGHUP {
		t.Errorf("the second signal that was put back is read as %d", b)
	}
}

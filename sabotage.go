//go:build sabotage

// Only in builds with the tag `sabotage`, which the tests make: a step of the plan fails.
//
// TINCAN_TEST_SABOTAGE=N makes step N (from 0) fail, whoever makes it, in either mode.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// noSuchCall is a number that no architecture has a call for.
const noSuchCall = 0x3fff

func sabotage(p plan) {
	value, _ := getenv("TINCAN_TEST_SABOTAGE")
	switch n, is := number(value); {
	case is && int(n) < len(p):
		p[n].nr, p[n].may = noSuchCall, 0
	case value == "crash": // PID 1 of a machine must report even that
		p[0] = nil
		note(p[0].call)
	case value == "astray":
		leaveProcOut(p)
	}
}

// leaveProcOut has the mount of /proc not made, although its call succeeds: what a symlink
// put in place of /proc would look like from outside.
func leaveProcOut(p plan) {
	for _, s := range p {
		if s.kind == makesMount && s.args[2].p != nil && gostring(s.args[1].p) == "/proc" && gostring(s.args[2].p) == "proc" {
			s.nr = unix.SYS_GETPID
		}
	}
}

// sabotaged returns the errno of a step of the host's that is to fail.
func sabotaged(s *step) syscall.Errno {
	if s.nr == noSuchCall {
		return unix.ENOSYS
	}
	return 0
}

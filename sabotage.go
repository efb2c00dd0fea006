//go:build sabotage

// A build with the tag `sabotage`, which the tests make, can make a step of the plan fail.
//
// TINCAN_TEST_SABOTAGE=N makes step N (counted from 0) fail, in both modes, whichever process
// makes it.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// noSuchCall is a number that is not a system call on any architecture.
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
	case value == "writable":
		leaveWritable(p)
	}
}

// leaveProcOut prevents the mount of /proc, although its call succeeds. From outside this looks
// like a symlink in the place of /proc.
func leaveProcOut(p plan) {
	for _, s := range p {
		if s.kind == makesMount && s.args[2].p != nil && gostring(s.args[1].p) == "/proc" && gostring(s.args[2].p) == "proc" {
			s.nr = unix.SYS_GETPID
		}
	}
}

// leaveWritable leaves /proc/sys writable, although the call that makes it read-only succeeds.
// From outside it looks as if another directory had been at /proc for a moment.
func leaveWritable(p plan) {
	for _, s := range p {
		if s.nr == unix.SYS_MOUNT_SETATTR && gostring(s.args[1].p) == "/proc/sys" {
			s.nr = unix.SYS_GETPID
		}
	}
}

// sabotaged returns the errno for a step of the launcher that must fail.
func sabotaged(s *step) syscall.Errno {
	if s.nr == noSuchCall {
		return unix.ENOSYS
	}
	return 0
}

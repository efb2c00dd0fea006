// tincan record --args: which values an argument had, for calls whose effect depends on one
// argument. man 2 of each call.
//
// The kernel looks at the lower 32 bits of all these arguments only, so only these are compared.
// The upper 32 bits depend on whether a C library extends the sign of the argument, which makes no
// difference.

package main

import (
	"strings"

	"golang.org/x/sys/unix"
)

// mostValues is how many values of an argument are listed. If there are more, the call is allowed
// with any arguments.
const mostValues = 16

// An argRule says which values one argument may have: those in values or, if mask is not 0, those
// in which no bit of bits is set.
type argRule struct {
	arg        int
	mask, bits uint32
	values     []uint32 // sorted
}

// newNamespaces are the flags with which clone and unshare make a namespace. CLONE_NEWTIME is not
// among them, because for clone that bit is part of a signal's number.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// watched lists the calls and their argument. If mask is not 0, the rule is about the bits of the
// mask that were never set.
var watched = [...]struct {
	calls string
	arg   int
	mask  uint32
}{
	{"socket socketpair", 0, 0}, // the family
	{"ioctl", 1, 0},
	{"prctl arch_prctl personality ptrace keyctl bpf", 0, 0},
	{"socketcall ipc", 0, 0}, // i386: the number of the socket or IPC call
	{"setns", 1, 0},
	{"clone unshare", 0, newNamespaces},
	{"chmod fchmod creat mknod", 1, setID}, // the bits that --seccomp=default refuses
	{"fchmodat fchmodat2 mknodat", 2, setID},
}

// watch returns an empty rule for a call, or nil if no argument of this call is recorded.
func watch(call string) *argRule {
	for _, w := range watched {
		for _, name := range strings.Fields(w.calls) {
			if name == call {
				return &argRule{arg: w.arg, mask: w.mask, bits: w.mask}
			}
		}
	}
	return nil
}

// allow adds a value to the rule.
func (a *argRule) allow(v uint32) {
	if a.mask != 0 {
		a.bits &^= v
		return
	}
	i := 0
	for i < len(a.values) && a.values[i] < v {
		i++
	}
	if i < len(a.values) && a.values[i] == v || len(a.values) > mostValues {
		return
	}
	a.values = append(a.values, 0)
	copy(a.values[i+1:], a.values[i:])
	a.values[i] = v
}

// limits reports whether the rule refuses any call at all.
func (a *argRule) limits() bool {
	return a != nil && (a.bits != 0 || a.mask == 0 && len(a.values) <= mostValues)
}

// plus returns a rule that allows what a or b allows. nil allows all values.
func (a *argRule) plus(b *argRule) *argRule {
	if a == nil || b == nil || a.arg != b.arg || a.mask != b.mask {
		return nil
	}
	sum := &argRule{a.arg, a.mask, a.bits & b.bits, append([]uint32(nil), a.values...)}
	for _, v := range b.values {
		sum.allow(v)
	}
	return sum
}

// conditions returns the rule as conditions of a profile. It is enough that one of them holds.
func (a *argRule) conditions() (all []jsonArg) {
	if a.mask != 0 {
		return append(all, jsonArg{a.arg, uint64(a.bits), 0, maskedEqual})
	}
	for _, v := range a.values {
		all = append(all, jsonArg{a.arg, 0xffffffff, uint64(v), maskedEqual})
	}
	return all
}

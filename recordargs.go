// record --args: which values an argument had, for the calls where that says what the call is.
// man 2 of each call.
//
// The kernel cuts all these arguments to 32 bits, so their lower halves are compared: a C library
// that extends a sign and one that does not are the same program.

package main

import (
	"strings"

	"golang.org/x/sys/unix"
)

// mostValues is how many values of an argument are listed. With more, the call is allowed whatever its arguments.
const mostValues = 16

// An argRule says which values one argument may have: those listed or, if mask is not 0, those without any bit of bits.
type argRule struct {
	arg        int
	mask, bits uint32
	values     []uint32 // in order
}

// newNamespaces are the flags of clone and unshare that make one, but for CLONE_NEWTIME: in clone's it is a signal's number.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// watched is the table: calls, the argument, and the bits if it is about bits that are never set.
var watched = [...]struct {
	calls string
	arg   int
	mask  uint32
}{
	{"socket socketpair", 0, 0}, // the family
	{"ioctl", 1, 0},
	{"prctl arch_prctl personality ptrace keyctl bpf", 0, 0},
	{"socketcall ipc", 0, 0}, // i386: which call is meant
	{"setns", 1, 0},
	{"clone unshare", 0, newNamespaces},
	{"chmod fchmod creat mknod", 1, setID}, // as --seccomp=default has it
	{"fchmodat fchmodat2 mknodat", 2, setID},
}

// watch returns an empty rule for a call, or nil for a call whose arguments are not looked at.
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

// limits reports whether the rule refuses anything that the call without it would do.
func (a *argRule) limits() bool {
	return a != nil && (a.bits != 0 || a.mask == 0 && len(a.values) <= mostValues)
}

// plus is a rule that allows what either does; nil allows all.
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

// conditions are the rule's alternatives, as a profile has them.
func (a *argRule) conditions() (all []jsonArg) {
	if a.mask != 0 {
		return append(all, jsonArg{a.arg, uint64(a.bits), 0, maskedEqual})
	}
	for _, v := range a.values {
		all = append(all, jsonArg{a.arg, 0xffffffff, uint64(v), maskedEqual})
	}
	return all
}

// Chapter 13: the default filter, compiled beforehand.
//
// With a compiled filter, a start needs neither the rules nor the tables of system call numbers.
// The files are the output of `tincan seccomp compile default --arch=ARCH`. A test compares them
// with what the compiler makes of seccomp.go's rules, and -update writes them again. `tincan
// seccomp show` prints the rules and the program.
//
// Differs from the tutorial: in the tutorial, libseccomp compiles the filter at every start.

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// defaultFilter returns the compiled filter, or nil on an architecture that has none.
func defaultFilter() []unix.SockFilter {
	if compiledFilter == "" {
		return nil
	}
	// The fields of struct sock_filter: code, two jumps, value.
	return unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(unsafe.StringData(compiledFilter))), len(compiledFilter)/8)
}

// Chapter 13: the default filter, compiled beforehand.
//
// With it a start needs neither the rules nor the tables of system call numbers. The files
// are what `tincan seccomp compile default --arch=ARCH` writes; a test compares them with
// what the compiler makes of seccomp.go's rules, and -update writes them anew. `tincan
// seccomp show` prints the rules and the program.
//
// Differs from the tutorial: libseccomp compiles there, at every start.

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// defaultFilter returns nil on an architecture that it was not compiled for.
func defaultFilter() []unix.SockFilter {
	if compiledFilter == "" {
		return nil
	}
	// struct sock_filter: code, two jumps, value.
	return unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(unsafe.StringData(compiledFilter))), len(compiledFilter)/8)
}

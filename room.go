// The kit: what the launcher uses in place of make, append, + and strconv, so that the
// same functions run before Go's runtime has started and after it (start.go).
//
// Before the runtime there is no allocator: memory comes from an array in .noptrbss, of
// which a page that nobody touches costs nothing, and is never given back. With the
// runtime the same functions are append, new and make. Only the functions of this file
// know which of the two it is; a test follows every call from begin and holds the list
// of those that may reach the runtime to the ones here (start_test.go).
//
// Code that runs in both modes keeps to this: add instead of append, keep instead of
// &T{}, text instead of + and Sprintf, decimal and number instead of strconv; slices and
// arrays instead of maps; no defer, no goroutine, no function value that captures and
// outlives its function, no conversion to an interface but of a pointer; errors by
// failedCall and fault (errors.go), and system calls by sys.go. strings.Cut, CutPrefix,
// HasPrefix, Index and slicing are fine.
//
// Differs from the tutorial: it allocates as any program does.

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// early is true from the entry point until Go's runtime starts.
var early bool

// arena is the memory of early mode. A usual run takes less than a quarter of it; where it
// is not enough, further chunks come from mmap(2): a command line may have 2 MiB.
var (
	arena     [256 << 10]byte
	chunk     unsafe.Pointer // what room takes from: nil is arena
	chunkSize uintptr        // of another chunk than arena
	chunkUsed uintptr        // the first byte of the chunk that is free
)

const (
	furtherChunk = 1 << 20
	alignment    = 16 // enough for any type
)

// room returns n zero bytes. Without memory the process ends: nothing can be undone without
// it either, and a request that the arena does not serve comes before anything is made.
func room(n uintptr) unsafe.Pointer {
	n = (n + alignment - 1) &^ (alignment - 1)
	size := chunkSize
	if chunk == nil {
		size = uintptr(len(arena))
	}
	if n > size-chunkUsed {
		const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
		more, e := sysMmap(max(n, furtherChunk), unix.PROT_READ|unix.PROT_WRITE, flags)
		if e != 0 {
			sysExit(statusFailed)
		}
		chunk, chunkSize, chunkUsed = more, max(n, furtherChunk), 0
	}
	at := chunkUsed
	chunkUsed += n
	return unsafe.Add(chunkStart(), at)
}

func chunkStart() unsafe.Pointer {
	if chunk == nil {
		return unsafe.Pointer(&arena[0])
	}
	return chunk
}

// The generic functions below do not call each other before the runtime: what they would hand
// over, a dictionary of types, lies in a page of its own.

// keep returns a pointer to a copy of v that outlives the caller, as &T{...} does.
//
//tincan:both
func keep[T any](v T) *T {
	p := (*T)(nil)
	if early {
		p = (*T)(room(unsafe.Sizeof(v)))
	} else {
		p = new(T)
	}
	*p = v
	return p
}

// one returns a pointer to a zero T that outlives the caller.
//
//go:noinline
//tincan:both
func one[T any]() *T {
	if !early {
		return new(T)
	}
	var v T
	return (*T)(room(unsafe.Sizeof(v)))
}

// add is append of one element.
//
//tincan:both
func add[T any](list []T, v T) []T {
	n, size := len(list), unsafe.Sizeof(v)
	switch {
	case !early:
		return append(list, v)
	case n == cap(list):
		list = unsafe.Slice((*T)(larger(unsafe.Pointer(unsafe.SliceData(list)), uintptr(n)*size, uintptr(2*n+4)*size)), 2*n+4)
	}
	list = list[:n+1]
	list[n] = v
	return list
}

// addAll is append of a list.
//
//tincan:both
func addAll[T any](list, more []T) []T {
	if !early {
		return append(list, more...)
	}
	n, all := len(list), len(list)+len(more)
	var v T
	size := unsafe.Sizeof(v)
	if all > cap(list) {
		list = unsafe.Slice((*T)(larger(unsafe.Pointer(unsafe.SliceData(list)), uintptr(n)*size, uintptr(all)*size)), all)
	}
	list = list[:all]
	moveBytes(unsafe.Pointer(unsafe.SliceData(list[n:])), unsafe.Pointer(unsafe.SliceData(more)), uintptr(len(more))*size)
	return list
}

// grow returns a copy of list with room for at least n more elements.
//
//go:noinline
//tincan:both
func grow[T any](list []T, n int) []T {
	size := len(list) + n
	if !early {
		return append(make([]T, 0, size), list...)
	}
	var v T
	return unsafe.Slice((*T)(larger(unsafe.Pointer(unsafe.SliceData(list)), uintptr(len(list))*unsafe.Sizeof(v), uintptr(size)*unsafe.Sizeof(v))), size)[:len(list)]
}

// list is a slice that outlives the caller: list(a, b) instead of []T{a, b}.
//
//tincan:both
func list[T any](v ...T) []T {
	if !early {
		return append([]T(nil), v...)
	}
	n := uintptr(len(v)) * unsafe.Sizeof(v[0])
	return unsafe.Slice((*T)(larger(unsafe.Pointer(unsafe.SliceData(v)), n, n)), len(v))
}

// larger copies n bytes to a place of size bytes, before the runtime.
func larger(from unsafe.Pointer, n, size uintptr) unsafe.Pointer {
	p := room(size)
	moveBytes(p, from, n)
	return p
}

// moveBytes is copy without types: for pointers the compiler's own asks the runtime about
// them, which takes pages that nothing else touches.
func moveBytes(to, from unsafe.Pointer, n uintptr) {
	copy(unsafe.Slice((*byte)(to), n), unsafe.Slice((*byte)(from), n))
}

// space returns n zero bytes.
//
//go:noinline
//tincan:both
func space(n int) []byte {
	if !early {
		return make([]byte, n)
	}
	return unsafe.Slice((*byte)(room(uintptr(n))), n)
}

// trim gives back the end of what space has returned last, which must be as it was.
//
//tincan:both
func trim(b []byte, n int) []byte {
	if early {
		end := uintptr(unsafe.Pointer(unsafe.SliceData(b))) + (uintptr(len(b))+alignment-1)&^(alignment-1)
		if unused := uintptr(len(b)-n) &^ (alignment - 1); end == uintptr(chunkStart())+chunkUsed {
			chunkUsed -= unused
		}
	}
	return b[:n]
}

// text joins the parts. The byte after the string is zero: its address is what system
// calls take (cstr).
func text(parts ...string) string {
	n := 0
	for _, s := range parts {
		n += len(s)
	}
	b := space(n + 1)
	at := 0
	for _, s := range parts {
		at += copy(b[at:], s)
	}
	return unsafe.String(&b[0], n)
}

// join is strings.Join.
func join(parts []string, between string) string {
	n := 0
	for _, s := range parts {
		n += len(s) + len(between)
	}
	b := space(n + 1)
	at := 0
	for i, s := range parts {
		if i > 0 {
			at += copy(b[at:], between)
		}
		at += copy(b[at:], s)
	}
	return unsafe.String(&b[0], at)
}

// cstr returns s as the kernel takes a string, with a zero byte behind it.
func cstr(s string) unsafe.Pointer {
	b := space(len(s) + 1)
	copy(b, s)
	return unsafe.Pointer(unsafe.SliceData(b))
}

// cstrings returns the array of strings that execve(2) takes: it ends with NULL.
func cstrings(v []string) []unsafe.Pointer {
	out := grow([]unsafe.Pointer(nil), len(v)+1)
	for _, s := range v {
		out = add(out, cstr(s))
	}
	return add(out, nil)
}

// gostring is the string at p, which ends with a zero byte; it is not copied.
func gostring(p unsafe.Pointer) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return unsafe.String((*byte)(p), n)
}

// mark and release give back what was taken from the arena in between, in a loop that
// keeps none of it. What is given back is zero again, as space promises.
func mark() uintptr { return chunkUsed }

func release(to uintptr) {
	if chunk == nil && to < chunkUsed {
		clear(arena[to:chunkUsed])
		chunkUsed = to
	}
}

// stringOf is the bytes as a string, which is not copied.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// The toolkit that the launcher uses in place of make, append, + and strconv, so that the same
// functions run both before Go's runtime has started and after it (start.go).
//
// Before the runtime starts there is no allocator. Memory comes from an array in .noptrbss and
// is never given back; a page of that array costs nothing until it is touched. Once the runtime
// runs, the same functions call append, new and make. Only the functions of this file know which
// of the two modes is active. A test follows every call from begin, and allows only the
// functions of this file to reach the runtime (start_test.go).
//
// Code that runs in both modes follows these rules: add instead of append; keep instead of &T{};
// text instead of + and Sprintf; decimal and number instead of strconv; slices and arrays
// instead of maps; no defer; no goroutine; no closure that outlives its function; only pointers
// are converted to interfaces; errors are made by failedCall and fault (errors.go); system calls
// are made by sys.go. strings.Cut, CutPrefix, HasPrefix, Index and slicing are allowed.
//
// Differs from the tutorial: the tutorial's program allocates memory in the ordinary way.

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// early is true from the entry point until Go's runtime starts.
var early bool

// arena is the memory of early mode. A usual run takes less than a quarter of it. When it is
// full, further chunks come from mmap(2): a command line may be 2 MiB long.
var (
	arena     [256 << 10]byte
	chunk     unsafe.Pointer // the chunk that room allocates from; nil is arena
	chunkSize uintptr        // the size of that chunk, unless it is arena
	chunkUsed uintptr        // the offset of the first free byte of the chunk
)

const (
	furtherChunk = 1 << 20
	alignment    = 16 // enough for any type
)

// room returns n zero bytes. If there is no memory, it ends the process: undoing anything would
// need memory too. A request that does not fit into the arena comes before anything has been
// made.
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

// Before the runtime starts, the generic functions below do not call each other: such a call
// passes a dictionary of types, which lies in a page of its own.

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

// add appends one element to a list, as append does.
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

// addAll appends a list to a list, as append does.
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
		most := all + n // a list that grows will grow again
		list = unsafe.Slice((*T)(larger(unsafe.Pointer(unsafe.SliceData(list)), uintptr(n)*size, uintptr(most)*size)), most)
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

// list returns a slice that outlives the caller: list(a, b) instead of []T{a, b}.
//
//tincan:both
func list[T any](v ...T) []T {
	if !early {
		return append([]T(nil), v...)
	}
	n := uintptr(len(v)) * unsafe.Sizeof(v[0])
	return unsafe.Slice((*T)(larger(unsafe.Pointer(unsafe.SliceData(v)), n, n)), len(v))
}

// larger returns a copy of n bytes in a new block of size bytes. It is for early mode only.
func larger(from unsafe.Pointer, n, size uintptr) unsafe.Pointer {
	p := room(size)
	moveBytes(p, from, n)
	return p
}

// moveBytes is copy without types. The compiler's own copy of pointers asks the runtime about
// them, which touches pages that nothing else needs.
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

// trim shortens b, the block that space returned last, to n bytes and gives back the rest. The
// rest must still be zero.
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

// text returns the concatenation of the parts. The byte after the string is zero, as system
// calls want it (cstr).
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

// cstr returns the address of a copy of s that ends with a zero byte, as the kernel wants it.
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

// gostring returns the string at p, which ends with a zero byte. It does not copy the bytes.
func gostring(p unsafe.Pointer) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return unsafe.String((*byte)(p), n)
}

// mark returns the present end of the used memory, and release gives back all memory taken since
// then. A loop uses them when it keeps nothing of what it has allocated. Memory that was given
// back is zero again, as space promises.
func mark() uintptr { return chunkUsed }

// release frees everything that was allocated in the arena after a mark.
func release(to uintptr) {
	if chunk == nil && to < chunkUsed {
		clear(arena[to:chunkUsed])
		chunkUsed = to
	}
}

// stringOf returns the bytes as a string, without copying them.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

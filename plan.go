// The plan: a container is a list of system calls.
//
// Every chapter (ns.go, mount.go, caps.go ...) is a function from what was asked for to
// steps, and the plan is their concatenation; planorder.go shows the order. A step is one
// system call: its number, its six arguments, and how they read in strace's notation
// (strace.go). The loop in clone.go makes the calls; `tincan plan` prints them; --debug
// logs them; an error quotes the one that failed.
//
// Two actors make the steps. Those of the container's processes are system calls and
// nothing else. Those of the host, which is to say of the launcher, are what must be done
// from outside, such as a write to a file of cgroupfs. They are data too, and stand in the
// same list at the place where they happen; launch.go does what their kind says.
//
// Differs from the tutorial: it makes its calls where the program happens to be, so that
// there is no order to be read in one place, and nothing to print.

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arg is one argument of a system call: what the kernel gets, and how strace shows it.
type arg struct {
	operand
	label
	kept slot // it is a kept result of an earlier step; then the operand is zero
}

// slot is where a step's result is kept for later steps. There are two, for a mount that is
// attached nowhere yet and the place where it is to be.
type slot uint8

const (
	nowhere slot = iota
	first        // KEPT, TREE
	second       // PLACE
)

// operand is for the kernel: a number or a pointer, and the other is zero. The pointer is an
// unsafe.Pointer and never a uintptr, or the collector would free what it points to before
// the loop runs.
type operand struct {
	n uintptr
	p unsafe.Pointer
}

// label is for the reader.
type label struct {
	s    string           // what show prints, if it needs more than n and p
	show func(arg) string // nil for an argument that the call does not have
}

// actor is who makes a step.
type actor uint8

const (
	child   actor = iota // the container's first process
	pid1                 // the same process once it is the init: after the fork
	command              // the process that becomes the command
	host                 // the launcher
	after                // the launcher, once the container has ended
)

// kind is what a step is to those who treat some steps in a way of their own.
type kind uint8

const (
	makesCall     kind = iota // of a process of the container: a system call and no more
	makesMount                // mount(2): mountverify.go looks at the result
	pivots                    // pivot_root(2): what comes before it is on the host's side
	changesDir                // chdir(2) to --workdir
	tellsLauncher             // a write that the launcher waits for
	opensProgram              // openat2(2) of the command's file, or of an interpreter
	executes                  // execve(2) of the command
	mapsIDs                   // mount_setattr(2) with a user namespace (mountidmap.go)

	// Of the host's.
	writesFile   // the text args[1] to a file
	makesLeaf    // the launcher's own group (cgroupdelegate.go)
	makesGroup   // the group's directories
	makesPoint   // a missing mount point (mountpoints.go)
	makesIdmap   // a user namespace for idmapped mounts (mountidmap.go)
	clones       // clone3(2): the container's first process
	watches      // clone(2): a monitor for it, if it has no init
	spawns       // newuidmap or newgidmap (newuidmap.go)
	answersChild // the byte that lets the child go on
	mapsInner    // both maps of the inner user namespace (newuidmap.go)
	mapsAlready  // shown in the plan, and done by the step before it
)

// location is the directory that a step's file is in.
type location uint8

const (
	anywhere location = iota // the file's name is absolute
	inProc                   // /proc/PID of the container's first process
	inGroup                  // the group's directory of step.controller
	inKeeper                 // the group beside it (cgroupsystemd.go)
	inLeaf                   // the launcher's own group (cgroupdelegate.go)
)

// step is one system call of the plan. The loop reads what stands before call; the rest is
// for the launcher and for the reader. A plan has some two hundred, and a start touches
// them all: a step is small.
type step struct {
	nr    uintptr       // the call's number on this architecture
	args  [6]operand    //
	may   syscall.Errno // the one errno that is as good as success
	least int32         // the smallest result that is a success: 1 for a read
	kept  [2]uint8      // bit i: argument i is what the first or second slot holds
	keep  slot          // where the result is kept

	actor   actor
	kind    kind
	chapter uint8  // the tutorial's step, 1 to 16
	index   int16  // in the plan, from 0
	call    string // its name, as in man 2

	*words // nil before the runtime, when nobody reads
	*deed  // of the host's steps, else nil
}

// words are what a reader is told of a step.
type words struct {
	labels [6]label // of args
	why    string   // the reason, for `plan --explain` and --step
	hint   func(syscall.Errno) string
}

// deed is what a step of the host's is about, and of a move_mount where the mount is then.
type deed struct {
	flag       string // the flag that set the value of a write
	where      location
	controller string  // of where, on version 1
	text       string  // what a write writes
	file       string  // in where; of spawns, the program; of makesPoint, its place in the container
	optional   bool    // a write of a default to a file that some kernels do not have
	dir        bool    // of makesPoint: a directory, else a file
	maps       []idMap // of spawns, and mapFile which of the two: uid_map or gid_map; of mapsIDs, the owner
	mapFile    string
	attr       uint64 // of a move_mount, whose file is the place in the container; of makesIdmap, which one
}

func call(name string, nr uintptr, a0, a1, a2, a3, a4, a5 arg) *step {
	s := one[step]()
	s.call, s.nr = name, nr
	s.args = [6]operand{a0.operand, a1.operand, a2.operand, a3.operand, a4.operand, a5.operand}
	for i, from := range [6]slot{a0.kept, a1.kept, a2.kept, a3.kept, a4.kept, a5.kept} {
		if from != nowhere {
			s.kept[from-first] |= 1 << i
		}
	}
	if !early {
		s.words = keep(words{labels: [6]label{a0.label, a1.label, a2.label, a3.label, a4.label, a5.label}})
	}
	return s
}

// no is the argument that a call does not have.
var no arg

// set replaces an argument by another that is not a kept result.
func (s *step) set(i int, a arg) {
	s.args[i] = a.operand
	if s.words != nil {
		s.labels[i] = a.label
	}
}

// or allows one errno: with it the call counts as made.
func (s *step) or(e syscall.Errno) *step { s.may = e; return s }

// because gives the reason.
func (s *step) because(why string) *step {
	if s.words != nil {
		s.why = why
	}
	return s
}

// hinted adds a function that says what to do about an errno; it is added to the facts of
// the error and never replaces them.
func (s *step) hinted(f func(syscall.Errno) string) *step {
	if s.words != nil {
		s.hint = f
	}
	return s
}

// as gives the step a kind.
func (s *step) as(k kind) *step { s.kind = k; return s }

// keeping has the result kept for the steps after it, as the argument kept() or keptTree();
// placing, as the argument keptPlace().
func (s *step) keeping() *step { s.keep = first; return s }
func (s *step) placing() *step { s.keep = second; return s }

// advice is what to do about a failure of the step, or "".
func (s *step) advice(e syscall.Errno) string {
	h := ""
	if s.words != nil && s.hint != nil {
		h = s.hint(e)
	}
	switch {
	case s.deed == nil || s.flag == "":
		return h
	case e == unix.EINVAL || e == unix.ERANGE:
		return "the kernel does not take this value for " + s.flag
	case h != "":
		return h + "\n(" + s.flag + " set this value)"
	}
	return s.flag + " set this value"
}

// The argument constructors. Each is a value for the kernel and a way to print it;
// printing is put off until somebody asks, since a plan is mostly run unread.

func null() arg         { return arg{label: label{show: showNull}} }
func num(n uintptr) arg { return arg{operand: operand{n: n}, label: label{show: showNum}} }
func mode(m uint32) arg { return arg{operand: operand{n: uintptr(m)}, label: label{show: showMode}} }
func kept() arg         { return arg{label: label{"KEPT", showText}, kept: first} }
func keptTree() arg     { return arg{label: label{"TREE", showText}, kept: first} }
func keptPlace() arg    { return arg{label: label{"PLACE", showText}, kept: second} }

// name is a number that has a name: PR_SET_PDEATHSIG, AT_FDCWD.
func name(n int, text string) arg {
	return arg{operand: operand{n: uintptr(n)}, label: label{text, showText}}
}

// cstring is a NUL-terminated string. The launcher has refused strings that hold a NUL.
func cstring(s string) arg {
	return arg{operand: operand{p: cstr(s)}, label: label{s, showQuoted}}
}

// optional is a path, or NULL for the empty string.
func optional(s string) arg {
	if s == "" {
		return null()
	}
	return cstring(s)
}

// mem is a pointer to something that the kernel reads or writes, with the text that
// strace prints for it.
func mem(p unsafe.Pointer, text string) arg {
	return arg{operand: operand{p: p}, label: label{text, showText}}
}

// memory is a pointer to something that show knows how to print.
func memory(p unsafe.Pointer, show func(arg) string) arg {
	return arg{operand: operand{p: p}, label: label{show: show}}
}

// fd is a descriptor the launcher opened. Its number is known when it is opened, not when
// the plan is printed, so the text is its name in capitals.
func fd(n int, text string) arg {
	return arg{operand: operand{n: uintptr(n)}, label: label{text, showText}}
}

// flags is a set of bits; show knows their names.
func flags(n uintptr, show func(arg) string) arg {
	return arg{operand: operand{n: n}, label: label{show: show}}
}

// shown is an argument of a step of the host's, which is only printed.
func shown(s string, show func(arg) string) arg { return arg{label: label{s, show}} }

// hostStep is a step of the launcher's. Its text looks like the others'.
func hostStep(k kind, name string, a0, a1 arg) *step {
	s := call(name, 0, a0, a1, no, no, no, no)
	s.actor, s.kind, s.deed = host, k, one[deed]()
	return s
}

// hostWrite is a write of text to a file: open, write, close. path is the whole name, as
// far as it is known beforehand.
func hostWrite(in location, file, path, text string) *step {
	s := hostStep(writesFile, "write", shown(path, showQuoted), shown(text, showQuoted))
	s.where, s.file, s.text = in, file, text
	return s
}

// plan is a container, from nothing to the command.
type plan []*step

// fds are descriptors that the child inherits from the launcher. In a plan that is only
// printed they are all 0; the text shows their names.
type fds struct {
	parent, child int  // the socket pair (step 7)
	report        int  // the close-on-exec pipe
	title         int  // what the init overwrites its command line with
	step          int  // --step's socket, or 0
	tty           int  // the controlling terminal
	handOver      bool // the command gets the terminal
	apart         bool // it gets nothing of it, and these in its place: terminal.go
	outs          [3]int
	listener      int   // where the child puts the filter's listener (--seccomp-log)
	group         []int // the file tasks of each version 1 group
	idmaps        []int // the user namespaces of idmapped mounts
}

// The plan: a container is a list of system calls.
//
// Every chapter (ns.go, mount.go, caps.go ...) is a function that turns the user's options into
// steps, and the plan is all these steps one after another; planorder.go shows the order. A step
// is one system call: its number, its six arguments, and how they look in strace's notation
// (strace.go). The loop in clone.go makes the calls; `tincan plan` prints them; --debug logs
// them; an error quotes the one that failed.
//
// Steps are made by the processes of the container or by the host, that is, by the launcher. The
// container's processes make system calls and do nothing else. The launcher does what must be
// done from outside, such as a write to a file of cgroupfs. Its steps are data too, and stand in
// the same list at the place where they happen. launch.go carries them out according to their
// kind.
//
// Differs from the tutorial: the tutorial's calls are spread over the program, so that their
// order cannot be read in one place and nothing can print it.

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arg is one argument of a system call: the value for the kernel, and how strace shows it.
type arg struct {
	operand
	label
	kept slot // set if the argument is the kept result of an earlier step; then the operand is zero
}

// slot says where a step's result is kept for later steps. There are two slots: one for a mount
// that is not attached yet, and one for the place where it will be attached.
type slot uint8

// The slots in which steps keep their results.
const (
	nowhere slot = iota
	first        // KEPT, TREE
	second       // PLACE
)

// operand is an argument's value: a number or a pointer; the unused one is zero. A pointer is an
// unsafe.Pointer and never a uintptr, or the garbage collector would free what it points to
// before the loop runs.
type operand struct {
	n uintptr
	p unsafe.Pointer
}

// label is an argument's text for readers.
type label struct {
	s    string           // the text that show prints, if n and p are not enough
	show func(arg) string // nil for an argument that the call does not have
}

// actor is the process that makes a step.
type actor uint8

const (
	child   actor = iota // the container's first process
	pid1                 // the same process after the fork, when it is the init
	command              // the process that becomes the command
	host                 // the launcher
	after                // the launcher, once the container has ended
)

// kind marks steps that some part of the launcher treats in a special way.
type kind uint8

const (
	makesCall     kind = iota // a system call of a process of the container, nothing special
	makesMount                // mount(2): mountverify.go looks at the result
	changesMount              // mount_setattr(2) of a path: likewise
	pivots                    // pivot_root(2): what comes before it is on the host's side
	changesDir                // chdir(2) to --workdir
	tellsLauncher             // a write that the launcher waits for
	opensProgram              // openat2(2) of the command's file, or of an interpreter
	executes                  // execve(2) of the command
	mapsIDs                   // mount_setattr(2) with a user namespace (mountidmap.go)
	forks                     // clone(2) that leaves the init behind

	// The launcher's own steps.
	writesFile    // writes deed.text to a file
	makesLeaf     // makes the launcher's own group (cgroupdelegate.go)
	makesGroup    // makes the group's directories
	makesPoint    // makes a missing mount point (mountpoints.go)
	makesIdmap    // makes a user namespace for idmapped mounts (mountidmap.go)
	opensPipe     // lets the command open a pipe again (stdpipes.go)
	clones        // clone3(2): starts the container's first process
	watches       // clone(2): starts a monitor, if the container has no init
	spawns        // starts newuidmap or newgidmap (newuidmap.go)
	answersChild  // sends the byte that lets the child go on
	startsCommand // the same for the command, after a look at the mounts
	mapsInner     // writes both maps of the inner user namespace (newuidmap.go)
	mapsAlready   // shown in the plan, but done by the step before it
)

// location is the directory that contains a step's file.
type location uint8

const (
	anywhere location = iota // the file's name is absolute
	inProc                   // /proc/PID of the container's first process
	inGroup                  // the group's directory of step.controller
	inKeeper                 // the group beside it that keeps the scope alive (cgroupsystemd.go)
	inLeaf                   // the launcher's own group (cgroupdelegate.go)
)

// step is one system call of the plan. The loop reads the fields before actor; the others are for
// the launcher and for readers. A plan has about two hundred steps and a start touches all of
// them, so a step is small: 128 bytes.
type step struct {
	args  [6]operand
	nr    uint16   // the call's number on this architecture
	may   uint16   // the one errno that counts as success
	least int32    // the smallest result that counts as success: 1 for a read
	kept  [2]uint8 // bit i: argument i is the content of the first or second slot
	keep  slot     // the slot in which the result is kept

	actor   actor
	kind    kind
	chapter uint8 // the tutorial's step, 1 to 16
	index   int16 // its position in the plan, counted from 0

	*words // nil before the runtime starts: nobody reads the plan then
	*deed  // for the launcher's steps; nil for others
}

// words are the texts of a step for readers.
type words struct {
	call   string   // the name of its man page
	labels [6]label // of args
	why    string   // the reason, for `plan --explain` and --step
	hint   func(syscall.Errno) string
}

// deed says what a step of the launcher does. A move_mount has one too: it says where the mount
// is afterwards.
type deed struct {
	flag       string // the flag that set the value that is written
	where      location
	controller string  // the controller that where belongs to, on version 1
	text       string  // what a write writes
	file       string  // a file in where; for spawns, the program; for makesPoint, the place in the container
	optional   bool    // the write sets a default, and some kernels do not have the file
	dir        bool    // for makesPoint: a directory, not a file
	maps       []idMap // for spawns, with mapFile: uid_map or gid_map; for mapsIDs, the owner
	mapFile    string
	attr       uint64 // for a move_mount, whose file is the place in the container; for makesIdmap and opensPipe, its number
}

// call returns the step that makes a system call. name is that of its man page, and nr its number.
func call(name string, nr uintptr, args ...arg) *step {
	s := one[step]()
	s.nr = uint16(nr)
	if !early {
		s.words = keep(words{call: name})
	}
	for i := range args {
		a := &args[i]
		s.args[i] = a.operand
		if a.kept != nowhere {
			s.kept[a.kept-first] |= 1 << i
		}
		if !early {
			s.labels[i] = a.label
		}
	}
	return s
}

// set replaces an argument. The new one must not be a kept result.
func (s *step) set(i int, a arg) {
	s.args[i] = a.operand
	if s.words != nil {
		s.labels[i] = a.label
	}
}

// or sets the one errno that counts as success.
func (s *step) or(e syscall.Errno) *step { s.may = uint16(e); return s }

// because sets the reason for the step.
func (s *step) because(why string) *step {
	if s.words != nil {
		s.why = why
	}
	return s
}

// hinted sets a function that returns advice for an errno. An error prints it after the facts,
// never instead of them.
func (s *step) hinted(f func(syscall.Errno) string) *step {
	if s.words != nil {
		s.hint = f
	}
	return s
}

// as sets the kind of the step.
func (s *step) as(k kind) *step { s.kind = k; return s }

// keeping keeps the step's result for later steps, which use it as the argument kept() or
// keptTree(). placing does the same in the other slot, for keptPlace().
func (s *step) keeping() *step { s.keep = first; return s }
func (s *step) placing() *step { s.keep = second; return s }

// advice returns what to do when the step fails with errno e, or "".
func (s *step) advice(e syscall.Errno) string {
	h := ""
	if s.words != nil && s.hint != nil {
		h = s.hint(e)
	}
	switch {
	case s.deed == nil || s.flag == "":
		return h
	case e == unix.EINVAL || e == unix.ERANGE:
		return "the kernel does not accept this value of " + s.flag
	case h != "":
		return h + "\n(" + s.flag + " set this value)"
	}
	return s.flag + " set this value"
}

// The constructors of arguments. Each combines a value for the kernel with a way to print it.
// The text is made only when it is printed, because most plans are never printed.

func null() arg         { return arg{label: label{show: showNull}} }
func num(n uintptr) arg { return arg{operand: operand{n: n}, label: label{show: showNum}} }
func mode(m uint32) arg { return arg{operand: operand{n: uintptr(m)}, label: label{show: showMode}} }
func kept() arg         { return arg{label: label{"KEPT", showText}, kept: first} }
func keptTree() arg     { return arg{label: label{"TREE", showText}, kept: first} }
func keptPlace() arg    { return arg{label: label{"PLACE", showText}, kept: second} }

// name returns a number that has a name: PR_SET_PDEATHSIG, AT_FDCWD.
func name(n int, text string) arg {
	return arg{operand: operand{n: uintptr(n)}, label: label{text, showText}}
}

// cstring returns a string that ends with NUL. The launcher has already refused strings that
// contain a NUL.
func cstring(s string) arg {
	return arg{operand: operand{p: cstr(s)}, label: label{s, showQuoted}}
}

// optional returns a path, or NULL if the path is empty.
func optional(s string) arg {
	if s == "" {
		return null()
	}
	return cstring(s)
}

// mem returns a pointer to memory that the kernel reads or writes, with the text that strace
// prints for it.
func mem(p unsafe.Pointer, text string) arg {
	return arg{operand: operand{p: p}, label: label{text, showText}}
}

// memory returns a pointer to memory that show can print.
func memory(p unsafe.Pointer, show func(arg) string) arg {
	return arg{operand: operand{p: p}, label: label{show: show}}
}

// fd returns a descriptor that the launcher has opened. Its number is not known yet when a plan
// is printed, so its text is a name in capitals.
func fd(n int, text string) arg {
	return arg{operand: operand{n: uintptr(n)}, label: label{text, showText}}
}

// flags returns a set of bits; show knows their names.
func flags(n uintptr, show func(arg) string) arg {
	return arg{operand: operand{n: n}, label: label{show: show}}
}

// shown returns an argument of a launcher's step. It is only printed.
func shown(s string, show func(arg) string) arg { return arg{label: label{s, show}} }

// hostStep returns a step of the launcher. It is printed like a system call.
func hostStep(k kind, name string, args ...arg) *step {
	s := call(name, 0, args...)
	s.actor, s.kind, s.deed = host, k, one[deed]()
	return s
}

// hostWrite returns the step that opens a file, writes text to it and closes it. path is the
// file's whole name, as far as it is known beforehand.
func hostWrite(in location, file, path, text string) *step {
	s := hostStep(writesFile, "write", shown(path, showQuoted), shown(text, showQuoted))
	s.where, s.file, s.text = in, file, text
	return s
}

// plan is all the steps of a container, up to the start of the command.
type plan []*step

// fds are the descriptors that the child inherits from the launcher. In a plan that is only
// printed they are all 0, and their names are shown.
type fds struct {
	parent, child int  // the socket pair (step 7)
	report        int  // the close-on-exec pipe
	step          int  // --step's socket, or 0
	tty           int  // the controlling terminal
	handOver      bool // the command gets the terminal
	apart         bool // the command has no access to the terminal, and gets these descriptors instead: terminal.go
	outs          [3]int
	outNames      [3]string // of those that are the terminal
	listener      int       // where the child sends the seccomp filter's listener (--seccomp-log)
	group         []int     // the tasks file of each version 1 group
	idmaps        []int     // the user namespaces of idmapped mounts
}

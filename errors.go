// Errors, in one form for both modes.
//
// errno(3), strace(1).
//
// There are two kinds of errors. A system call that failed is a callError: it keeps the call,
// its arguments and its errno, and makes text of them only when the error is printed. Every
// other error is a sentence, and making a sentence needs Go's runtime. The function fault takes
// a function that makes the sentence, and calls it only if the runtime has started. Before that,
// fault returns notNow: the launcher undoes what it has made and begin returns. The run then
// starts over with the runtime, meets the same error and prints it.
//
// Differs from the tutorial: the tutorial has numeric error codes.

package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// notNowError stands for an error that is put into words once the runtime has started.
type notNowError struct{}

func (*notNowError) Error() string { return "needs Go's runtime" }

// notNow is the error of code that runs before the runtime and cannot make an error with a
// text.
var notNow = &notNowError{}

// fault returns the error that words makes; before the runtime has started it returns notNow. It
// is not inlined, so that the code of words does not become part of the caller.
//
//go:noinline
//tincan:both
func fault(words func() error) error {
	if early {
		return notNow
	}
	return words()
}

// callError is a system call that failed, printed as strace would print it. It wraps the errno,
// so that errors.Is(err, unix.EPERM) works.
type callError struct {
	call string // its name, or the whole call if path and args are ""
	path string // its first argument if that is a string; it is printed in quotes
	args string // the other arguments, as strace shows them
	err  error  // the errno
	hint string // what to do about it; printed after the facts, never instead of them
	why  func(syscall.Errno) string

	step         *step // the step of the plan that failed, or nil; with a step, call, path and args are empty
	index, total int   // the step's number, counted from 1, and the number of steps
}

// failedCall returns the error for call(path, args), which failed with errno e.
func failedCall(call, path, args string, e syscall.Errno) *callError {
	return keep(callError{call: call, path: path, args: args, err: e})
}

// hinted sets a function that returns advice for an errno.
func (e *callError) hinted(why func(syscall.Errno) string) *callError { e.why = why; return e }

func (e *callError) Unwrap() error { return e.err }

func (e *callError) Error() string {
	t := e.text()
	switch errno := errnoOf(e.err); {
	case e.err == nil || errno != 0:
		t = callText(t, errno)
	default:
		t += ": " + e.err.Error()
	}
	if e.step != nil {
		t = fmt.Sprintf("step %d of %d: %s", e.index, e.total, t)
	}
	if h := e.advice(); h != "" {
		t += "\n" + h
	}
	return t
}

// text returns the call without its result.
func (e *callError) text() string {
	switch {
	case e.step != nil:
		return e.step.String()
	case e.path == "" && e.args == "":
		return e.call
	case e.args == "":
		return e.call + "(" + quote(e.path) + ")"
	case e.path == "":
		return e.call + "(" + e.args + ")"
	}
	return e.call + "(" + quote(e.path) + ", " + e.args + ")"
}

// tooFewFiles is the hint for EMFILE.
const tooFewFiles = "the caller's limit of open files (ulimit -n) is too low for tincan itself, which needs 32: raise it, for instance with ulimit -n 256"

// advice returns the hint line, or "" if there is none.
func (e *callError) advice() string {
	errno := errnoOf(e.err)
	switch {
	case e.hint != "":
		return e.hint
	case errno == unix.EMFILE:
		return tooFewFiles
	case errno == unix.EFBIG:
		return "the caller's limit of file sizes (ulimit -f) is too low for tincan itself: raise it; to limit only the command, use --rlimit=fsize=SIZE"
	}
	h := ""
	if e.why != nil {
		h = e.why(errno)
	} else if e.step != nil {
		h = e.step.advice(errno)
	}
	if h == "" && (errno == unix.EPERM || errno == unix.ENOSYS) {
		h = hintFilter()
	}
	return h
}

// hintFilter explains EPERM and ENOSYS if there is a seccomp filter around tincan. It returns ""
// if there is none.
func hintFilter() string {
	status, _ := readFile("/proc/self/status")
	if !contains(status, "\nSeccomp:\t2") {
		return ""
	}
	return "tincan runs under a seccomp filter, as in a container, which probably refuses this call; it must allow the calls that `tincan plan` lists (docker run --security-opt seccomp=unconfined, or seccomp=FILE)"
}

// callText returns a failed call as strace shows it: CALL = ERRNO (text).
func callText(call string, errno syscall.Errno) string {
	if errno == 0 {
		return call + " = 0 (end of file: the process at the other end has ended)"
	}
	return fmt.Sprintf("%s = %s (%s)", call, errnoName(errno), errno.Error())
}

// errnoName returns the name of an errno, or its number.
func errnoName(e syscall.Errno) string {
	if n := unix.ErrnoName(e); n != "" {
		return n
	}
	return fmt.Sprintf("errno %d", int(e))
}

// errnoOf returns the errno in err, or 0.
func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	errors.As(err, &e)
	return e
}

// exitError is a failure with an exit status of its own. If err is nil, the message has been
// printed already.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

// The exit statuses of tincan's own. timeout(1) and env(1) use the same numbers.
const (
	statusTimedOut = 124
	statusFailed   = 125
)

// saidEarly lists the notes that were printed before the runtime started. If the run is made
// again with the runtime, they are not printed a second time.
var saidEarly []string

// quiet is --quiet: only errors are printed, no remarks.
var quiet bool

// remark prints a note that is not an error. --quiet suppresses it.
func remark(line string) {
	if !quiet {
		note(line)
	}
}

// note prints a line on standard error, marked as tincan's own.
func note(line string) {
	if early {
		saidEarly = add(saidEarly, line)
	} else if has(saidEarly, line) {
		return
	}
	sysWrite(2, text("tincan: ", printable(line), "\n"))
}

// printable returns a text that is safe to print on a terminal. A file name can contain any
// byte, so bytes that a terminal would take as commands are written as C escapes. Line breaks
// and tabs stay.
func printable(s string) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if commands(s, i) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const digits = "0123456789abcdef"
	b := space(len(s) + 3*n + 1)
	at := 0
	for i := 0; i < len(s); i++ {
		if commands(s, i) {
			at += copy(b[at:], "\\x")
			b[at], b[at+1] = digits[s[i]>>4], digits[s[i]&15]
			at += 2
			continue
		}
		b[at] = s[i]
		at++
	}
	return stringOf(b[:at])
}

// commands reports whether byte i of s is a control character for a terminal: a control
// character of ASCII, or the second byte of one of those from U+0080 to U+009F (C2 80 to C2 9F
// in UTF-8).
func commands(s string, i int) bool {
	c := s[i]
	return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 && i > 0 && s[i-1] == 0xc2
}

// say prints a formatted note and marks each of its lines. It needs the runtime.
func say(format string, a ...any) {
	lines := strings.TrimRight(fmt.Sprintf(format, a...), "\n")
	note(strings.ReplaceAll(lines, "\n", "\ntincan:   "))
}

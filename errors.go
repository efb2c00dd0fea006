// Errors, in one idiom for both modes.
//
// errno(3), strace(1).
//
// An error is one of two things. A system call that failed is a callError: the call, its
// arguments and its errno, which are kept as they are and put into words only when
// somebody prints them. Anything else is a sentence, and a sentence needs Go's runtime:
// fault takes a function that makes it, and calls that function only where there is a
// runtime. Before, the error is notNow: the launcher undoes what it has made and returns
// from begin, the run starts over with the runtime, meets the same trouble and says it.
//
// Differs from the tutorial: it has numeric error codes.

package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// notNowError is an error that the runtime will put into words.
type notNowError struct{}

func (*notNowError) Error() string { return "needs Go's runtime" }

var notNow = &notNowError{}

// fault returns the error that words makes; before the runtime, notNow. It is not
// inlined, so that words does not become a part of its caller.
//
//go:noinline
//tincan:both
func fault(words func() error) error {
	if early {
		return notNow
	}
	return words()
}

// callError is a system call that failed, as strace shows it. It wraps the errno, so that
// errors.Is(err, unix.EPERM) works.
type callError struct {
	call string // its name; the whole call as text where path and args are ""
	path string // its first argument, a string, which is quoted
	args string // the rest, as strace shows it
	err  error  // the errno
	hint string // what to do about it, added to the facts and never replacing them
	why  func(syscall.Errno) string

	step         *step // of a step of the plan: then call, path and args are empty
	index, total int   // which of how many, from 1
}

// failedCall returns the error for call(path, args).
func failedCall(call, path, args string, e syscall.Errno) *callError {
	return keep(callError{call: call, path: path, args: args, err: e})
}

// hinted adds a function that says what to do.
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

// text is the call, without its result.
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

// advice is the hint line, or "".
func (e *callError) advice() string {
	errno := errnoOf(e.err)
	switch {
	case e.hint != "":
		return e.hint
	case e.why != nil:
		return e.why(errno)
	case e.step != nil:
		return e.step.advice(errno)
	}
	return ""
}

// callText is a failed call as strace shows it: CALL = ERRNO (text).
func callText(call string, errno syscall.Errno) string {
	if errno == 0 {
		return call + " = 0 (end of file: the other side is gone)"
	}
	return fmt.Sprintf("%s = %s (%s)", call, errnoName(errno), errno.Error())
}

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

// exitError is a failure with an exit status of its own. Without an error inside, what there is
// to say has been printed.
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

// Exit statuses of tincan's own (cli.md); they are those of timeout(1) and env(1).
const (
	statusTimedOut = 124
	statusFailed   = 125
)

// saidEarly are the notes of a run before the runtime: if it is made again, it does not say
// them again.
var saidEarly []string

// quiet is --quiet: remarks are left out.
var quiet bool

// remark is note for what is no error.
func remark(line string) {
	if !quiet {
		note(line)
	}
}

// note prints a line of tincan's own on standard error, marked as such.
func note(line string) {
	if early {
		saidEarly = add(saidEarly, line)
	} else if has(saidEarly, line) {
		return
	}
	sysWrite(2, text("tincan: ", printable(line), "\n"))
}

// printable is a text for a terminal: what would command it (a name of a file can hold any
// byte) is written as C writes it. Line breaks and tabs stay.
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

// commands reports whether a terminal takes the byte for more than a letter: the controls of
// ASCII, and those that are two bytes of UTF-8, from C2 80 to C2 9F.
func commands(s string, i int) bool {
	c := s[i]
	return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 && i > 0 && s[i-1] == 0xc2
}

// say is note with a format; each further line is marked, too. It needs the runtime.
func say(format string, a ...any) {
	lines := strings.TrimRight(fmt.Sprintf(format, a...), "\n")
	note(strings.ReplaceAll(lines, "\n", "\ntincan:   "))
}

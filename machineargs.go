// The arguments for a machine's PID 1: from the kernel's command line, or from a file.
//
// bootparam(7), Documentation/admin-guide/kernel-parameters.rst, the kernel's
// lib/cmdline.c and init/main.c.
//
// Differs from the tutorial: the tutorial has no such part.

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// initOptions are the options of initCmd.
type initOptions struct {
	noContainer bool
	poweroff    string
	debugExit   int // a port, or 0
	args        []string
}

// machineArgs returns the words that are meant for tincan: those after -- on the kernel's
// command line or, if there is no command among them, the lines of /etc/tincan/args.
func machineArgs(args []string) ([]string, error) {
	if b, err := os.ReadFile("/proc/cmdline"); err == nil {
		args = kernelArgs(string(b), args)
	}
	args = withoutInit(args)
	opt, err := parseInit(args)
	if err != nil || len(opt.args) > 0 {
		return args, err
	}
	b, err := os.ReadFile(argsFile)
	if errors.Is(err, os.ErrNotExist) {
		return args, nil
	}
	return append(args, withoutInit(argLines(string(b)))...), err
}

// quoteHint helps with a command line that was written for a shell: -- sh -c 'echo hello'.
func quoteHint(words []string) string {
	for _, w := range words {
		if strings.HasPrefix(w, "'") {
			return fmt.Sprintf("the word %s begins with a single quote, but on the kernel's command line this is an ordinary letter, and the next blank ends the word: write \"...\" instead", w)
		}
	}
	return ""
}

// withoutInit removes the word init from the beginning of PID 1's arguments.
func withoutInit(args []string) []string {
	if len(args) > 0 && args[0] == "init" {
		return args[1:]
	}
	return args
}

// kernelArgs returns the words after the first -- of the kernel's command line. The arguments
// that the kernel has passed, given, are not enough: the kernel leaves out a second -- and
// everything after it, and adds words before the first -- that it does not know. If given was
// not made from line, it is used as it is.
func kernelArgs(line string, given []string) []string {
	words := kernelWords(line)
	first := slices.Index(words, "--")
	if first < 0 {
		return given
	}
	words = words[first+1:]
	passed := words
	if second := slices.Index(words, "--"); second >= 0 {
		passed = words[:second]
	}
	if n := len(given) - len(passed); n < 0 || !slices.Equal(given[n:], passed) {
		return given
	}
	return words
}

// kernelWords splits a command line as the kernel's next_arg (lib/cmdline.c) does: double quotes
// group, and are removed at the beginning and the end of a word or of a value.
func kernelWords(line string) []string {
	var words []string
	for line = strings.TrimLeft(line, " \t\n"); line != ""; line = strings.TrimLeft(line, " \t\n") {
		quoted, n := false, 0
		for ; n < len(line) && (quoted || !strings.ContainsRune(" \t\n", rune(line[n]))); n++ {
			if line[n] == '"' {
				quoted = !quoted
			}
		}
		word := line[:n]
		line = line[n:]
		if rest, ok := strings.CutPrefix(word, `"`); ok {
			word = strings.TrimSuffix(rest, `"`)
		} else if name, value, ok := strings.Cut(word, `="`); ok && !strings.ContainsAny(name, `="`) {
			word = name + "=" + strings.TrimSuffix(value, `"`)
		}
		words = append(words, word)
	}
	return words
}

// parseInit reads init's own flags, which come first. What comes after them is for tincan, or is
// the command.
func parseInit(words []string) (initOptions, error) {
	o := initOptions{poweroff: "always"}
	for i, w := range words {
		flag, value, given := strings.Cut(w, "=")
		switch {
		case w == "--no-container":
			o.noContainer = true
		case flag == "--poweroff":
			if value != "never" && value != "always" && value != "on-success" {
				return o, fmt.Errorf("%s: not one of --poweroff=never, --poweroff=always and --poweroff=on-success", w)
			}
			o.poweroff = value
		case flag == "--debug-exit":
			o.debugExit = 0x501 // the default of QEMU
			if given {
				if n, err := fmt.Sscanf(value, "%v", &o.debugExit); n != 1 || err != nil || o.debugExit < 1 || o.debugExit > 0xffff {
					return o, fmt.Errorf("%s: not a port: 1 to 0xffff, the iobase of QEMU's isa-debug-exit", w)
				}
			}
			if !haveDebugExit {
				return o, fmt.Errorf("%s: only amd64 machines have this device, which needs I/O ports", w)
			}
		default:
			o.args = words[i:]
			if o.noContainer && o.args[0] == "--" {
				o.args = o.args[1:]
			}
			return o, nil
		}
	}
	return o, nil
}

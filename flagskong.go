// Chapters 1 to 4: the command line by way of kong, and what is said of a wrong one.
//
// One rule for every flag of every command: an empty value is an error, and so is a flag of one
// value that is given twice. kong's messages say what it expected; where they mislead, or do not
// say what would be right, ours take their place.
//
// Differs from the tutorial: it prints the usage.

package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// commandLine is what kong has read.
type commandLine struct {
	cli
	ctx *kong.Context
}

// parseArgs reads a command line that begins with a command of tincan's own.
func parseArgs(args []string) (*commandLine, error) {
	args, err := withWords(args)
	if err != nil {
		return nil, err
	}
	if name, n := firstConfig(args); n > 0 {
		return withConfig(args, name)
	}
	c, err := parseWords(args)
	if err != nil {
		return nil, err
	}
	if f := c.flags(); f.Config != "" {
		return withConfig(args, f.Config)
	}
	return c, c.sane(args)
}

// flags returns the flags of the command: plan and record take all of run's.
func (c *commandLine) flags() *runFlags {
	switch strings.Fields(c.ctx.Command())[0] {
	case "plan":
		return &c.Plan.runFlags
	case "record":
		return &c.Record.runFlags
	}
	return &c.Run.runFlags
}

// parseWords parses the command line with kong.
func parseWords(args []string) (*commandLine, error) {
	c := &commandLine{}
	parser, err := kong.New(&c.cli, options()...)
	if err != nil {
		return nil, err
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = asText(a)
	}
	if c.ctx, err = parser.Parse(words); err != nil {
		return nil, explainUsage(err, parser, args)
	}
	asBytes(reflect.ValueOf(&c.cli).Elem())
	return c, nil
}

// withWords rewrites what kong does not know: help and version as commands, and negative
// numbers as arguments.
func withWords(args []string) ([]string, error) {
	switch rest := args[1:]; args[0] {
	case "help":
		if len(rest) > 0 && !namesCommand(rest) {
			return nil, fmt.Errorf("help %s: tincan has no such command; it has %s", rest[0], strings.Join(commandNames[:], ", "))
		}
		return append(append([]string(nil), rest...), "--help"), nil
	case "version":
		if len(rest) > 0 {
			return nil, fmt.Errorf("version %s: tincan version has no arguments", rest[0])
		}
		return []string{"--version"}, nil
	case "seccomp":
		out := append([]string(nil), args...)
		for i, a := range out {
			if n, err := strconv.ParseInt(a, 0, 64); err == nil && n < 0 {
				out[i] = strconv.FormatUint(uint64(n), 10) // the same 64 bits
			}
		}
		return out, nil
	}
	return args, nil
}

// kong passes every word through JSON, which has no way to say what is not UTF-8, and names of
// files may be anything. So bytes that are not UTF-8 are characters of a private plane for kong.
const (
	firstByte = 0x10ff00 // the character for the byte 0
	lastByte  = firstByte + 0xff
)

// asText returns s with a character for each byte that is not UTF-8.
func asText(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, isByte) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || isByte(r) {
			r, n = firstByte+rune(s[i]), 1
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

func isByte(r rune) bool { return r >= firstByte && r <= lastByte }

// asBytes undoes asText in all strings of a structure.
func asBytes(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			asBytes(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			asBytes(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			asBytes(v.Elem())
		}
	case reflect.String:
		if s := v.String(); v.CanSet() && strings.ContainsFunc(s, isByte) {
			v.SetString(originalText(s))
		}
	}
}

func originalText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if isByte(r) {
			b.WriteByte(byte(r - firstByte))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// sane holds the command line to the rule.
func (c *commandLine) sane(args []string) error {
	seen := map[*kong.Flag]bool{}
	for _, p := range c.ctx.Path {
		f := p.Flag
		if f == nil || f.IsBool() {
			continue
		}
		if hasEmpty(f.Target) {
			return emptyValue(f)
		}
		if !f.IsSlice() && seen[f] {
			return fmt.Errorf("%s: the flag is given twice: give it once", kongName(f))
		}
		seen[f] = true
	}
	words := c.flags().Args
	init, without := false, false
	for _, a := range args[:len(args)-len(words)] {
		init, without = init || a == "--init", without || a == "--no-init"
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && a[2] == '=' {
			return fmt.Errorf("%s: write the value of a one-letter flag without the =: %s %s, or %s%s", a, a[:2], a[3:], a[:2], a[3:])
		}
	}
	if init && without {
		return errors.New("--init and --no-init contradict each other: give only one of them")
	}
	return nil
}

// hasEmpty reports whether a flag's value is an empty string, or has one in its list.
func hasEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return v.String() == ""
	case reflect.Pointer:
		return !v.IsNil() && hasEmpty(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if hasEmpty(v.Index(i)) {
				return true
			}
		}
		return v.Len() == 0 // --cap-add=
	}
	return false
}

func emptyValue(f *kong.Flag) error {
	return fmt.Errorf("%s: an empty value; give one (%s), or leave the flag out", kongName(f), spelling(f))
}

// kongName returns a flag with its short form: -m, --mount.
func kongName(f *kong.Flag) string {
	if f.Short != 0 {
		return fmt.Sprintf("-%c, --%s", f.Short, f.Name)
	}
	return "--" + f.Name
}

// spelling returns a flag with a placeholder for its value: --memory=SIZE.
func spelling(f *kong.Flag) string {
	if f.IsBool() {
		return "--" + f.Name
	}
	return "--" + f.Name + "=" + f.FormatPlaceHolder()
}

// explainUsage returns kong's error, with an explanation where kong's message has none.
func explainUsage(err error, parser *kong.Kong, args []string) error {
	var p *kong.ParseError
	if !errors.As(err, &p) {
		return err
	}
	var failed *os.PathError
	if errors.As(err, &failed) { // --help could not be written
		return failed
	}
	text := originalText(err.Error())
	var flags []*kong.Flag
	command := ""
	for _, at := range p.Context.Path {
		flags = append(flags, at.Flags...)
		if at.Command != nil {
			command = strings.TrimSpace(command + " " + at.Command.Name)
		}
	}
	see := "; see " + strings.Join(strings.Fields("tincan "+command+" --help"), " ")
	if name, is := strings.CutPrefix(text, "unknown flag "); is {
		name, _, _ = strings.Cut(name, ",")
		return errors.New(unknownFlag(name, flags) + see)
	}
	name, what, _ := strings.Cut(text, ": ")
	for _, f := range flags {
		switch {
		case name != "--"+f.Name && !strings.HasPrefix(text, "--"+f.Name+" must be"):
		case strings.Contains(what, `but got "" `) || strings.HasSuffix(text, `but got ""`):
			return emptyValue(f)
		case strings.HasPrefix(what, "missing value") || strings.Contains(what, " value but got "):
			return fmt.Errorf("%s: its value is missing: %s (a value that begins with a dash is written --%s=-...)", kongName(f), spelling(f), f.Name)
		case strings.HasPrefix(what, "expected a valid"):
			_, got, _ := strings.Cut(what, "but got ")
			return fmt.Errorf("%s: %s is not a whole number: %s", kongName(f), got, spelling(f))
		}
	}
	return errors.New(text + see)
}

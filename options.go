// Chapters 1 to 4: the flags of tincan's other commands, and --help of all.
//
// What the flags of a command are stands in the tags of its structure:
//
//	help         what it is, for --help; a field without it is no flag
//	name, short  its long name, if it is not the field's, and its letter
//	placeholder  what its value looks like
//	default      the value without it
//	group        the heading in --help
//	arg          a word without a flag: "optional", or a []string for all that follow
//	required     must be given
//	sep          "none": a list whose values are not split at commas
//
// run and plan have a reader of their own, which works before Go's runtime (flagreader.go).
//
// Differs from the tutorial: it uses a library.

package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// subcommand is a command of tincan's own.
type subcommand struct {
	name  string
	help  string
	flags any // a pointer to its structure
	run   func() error
}

// option is a field of a command's structure.
type option struct {
	reflect.Value
	tag  reflect.StructTag
	name string
}

// optionsOf lists the fields that are flags or words, those of embedded structures in place.
func optionsOf(v reflect.Value) (out []option) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Anonymous:
			out = append(out, optionsOf(v.Field(i))...)
		case f.Tag.Get("help") != "":
			o := option{v.Field(i), f.Tag, f.Tag.Get("name")}
			if o.name == "" {
				o.name = dashed(f.Name)
			}
			out = append(out, o)
		}
	}
	return out
}

// dashed is a field's name as a flag: EnvFile is env-file.
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

func (o *option) is(what string) bool { _, is := o.tag.Lookup(what); return is }
func (o *option) isBool() bool        { return o.Kind() == reflect.Bool }
func (o *option) isList() bool        { return o.Kind() == reflect.Slice }

// spelling is --memory=SIZE, or for a word PROFILE or [ARG...].
func (o *option) spelling() string {
	switch {
	case o.is("arg") && o.isList():
		return "[" + strings.ToUpper(strings.TrimSuffix(o.name, "s")) + "...]"
	case o.is("arg") && o.is("optional"):
		return "[" + strings.ToUpper(o.name) + "]"
	case o.is("arg"):
		return strings.ToUpper(o.name)
	case o.is("negatable"):
		return "--[no-]" + o.name
	case o.isBool():
		return "--" + o.name
	}
	return "--" + o.name + "=" + o.tag.Get("placeholder")
}

// read reads a command line into the structure.
func (c *subcommand) read(args []string) error {
	all, given, words := optionsOf(reflect.ValueOf(c.flags).Elem()), map[string]bool{}, []string(nil)
	for i := range all {
		if standard := all[i].tag.Get("default"); standard != "" && all[i].Kind() == reflect.String {
			all[i].SetString(standard)
		}
	}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		_, notNumber := strconv.ParseInt(word, 0, 64)
		switch {
		case word == "--":
			words, args = append(words, args...), nil
			continue
		case word == "--help" || word == "-h" || word == "--version":
			return &helpWanted{word}
		case word == "-" || !strings.HasPrefix(word, "-") || notNumber == nil:
			words = append(words, word)
			continue
		}
		flag, value, has := strings.Cut(word, "=")
		if word[1] != '-' {
			flag, value, has = word[:2], word[2:], len(word) > 2
		}
		i := slices.IndexFunc(all, func(o option) bool {
			return !o.is("arg") && (flag == "--"+o.name || flag == "-"+o.tag.Get("short"))
		})
		switch {
		case i < 0:
			return c.unknown(flag, all)
		case all[i].isBool() && has:
			return fmt.Errorf("%s: this flag has no value: it stands alone, or is left out", word)
		case all[i].isBool():
			all[i].SetBool(true)
			continue
		case !has && (len(args) == 0 || strings.HasPrefix(args[0], "-") && args[0] != "-"):
			return fmt.Errorf("%s: its value is missing: %s", flag, all[i].spelling())
		case !has:
			value, args = args[0], args[1:]
		}
		if value == "" {
			return fmt.Errorf("%s: an empty value; give one (%s), or leave the flag out for what it is without", flag, all[i].spelling())
		}
		if given[all[i].name] && !all[i].isList() {
			return fmt.Errorf("%s %s: the flag is given twice: give it once", flag, value)
		}
		given[all[i].name] = true
		all[i].add(value)
	}
	return c.place(all, given, words)
}

// add sets the value, or adds it to a list.
func (o *option) add(value string) {
	switch values := []string{value}; {
	case o.isList() && o.tag.Get("sep") != "none" && !o.is("arg"):
		values = strings.Split(value, ",")
		fallthrough
	case o.isList():
		o.Set(reflect.AppendSlice(o.Value, reflect.ValueOf(values)))
	default:
		o.SetString(value)
	}
}

// place puts the words without a flag in their places.
func (c *subcommand) place(all []option, given map[string]bool, words []string) error {
	if i := slices.Index(words, ""); i >= 0 {
		return fmt.Errorf("tincan %s: an empty word: %s", c.name, c.usage())
	}
	for i := range all {
		o := &all[i]
		switch {
		case !o.is("arg"):
			if o.is("required") && !given[o.name] {
				return fmt.Errorf("tincan %s: %s is missing: %s", c.name, o.spelling(), c.usage())
			}
		case o.isList():
			o.Set(reflect.ValueOf(words))
			words = nil
		case len(words) > 0:
			o.SetString(words[0])
			words = words[1:]
		case !o.is("optional"):
			return fmt.Errorf("tincan %s: %s is missing: %s", c.name, o.spelling(), c.usage())
		}
	}
	if len(words) > 0 {
		return fmt.Errorf("tincan %s: %s is too much: %s", c.name, words[0], c.usage())
	}
	return nil
}

func (c *subcommand) unknown(flag string, all []option) error {
	var names []string
	for i := range all {
		if !all[i].is("arg") {
			names = append(names, "--"+all[i].name)
		}
	}
	if near := nearest(flag, names); near != "" {
		return fmt.Errorf("%s: no such flag; did you mean %s? See tincan %s --help", flag, near, c.name)
	}
	return fmt.Errorf("%s: no such flag; see tincan %s --help", flag, c.name)
}

// usage is the command's line in short.
func (c *subcommand) usage() string {
	line, flags := "tincan "+c.name, ""
	for _, o := range optionsOf(reflect.ValueOf(c.flags).Elem()) {
		switch {
		case o.is("passthrough"):
			line += " [FLAGS] [--] " + strings.ToUpper(o.name) + " [ARG...]"
		case o.is("arg"):
			line += " " + o.spelling()
		case o.is("required"):
			line += " " + o.spelling()
		default:
			flags = " [FLAGS]"
		}
	}
	if strings.Contains(line, flags) {
		return line
	}
	return line + flags
}

// flagGroups are the headings in --help.
var flagGroups = [...]struct{ key, title string }{
	{"", "Flags:"},
	{"root", "What it sees:"},
	{"command", "What runs:"},
	{"power", "What it may do:"},
	{"limits", "How much it may use:"},
	{"look", "Watching it start:"},
	{"print", "What is printed:"},
}

// helpWidth is the width of --help, and helpColumn where the explanations begin.
const helpWidth, helpColumn = 100, 34

// printHelp is --help of a command.
func (c *subcommand) printHelp(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n", c.usage(), c.help)
	if h, has := c.flags.(interface{ Help() string }); has {
		for para := range strings.SplitSeq(h.Help(), "\n") {
			if !strings.HasPrefix(para, " ") {
				para = fold(para, helpWidth, "")
			}
			b.WriteString("\n" + para)
		}
		b.WriteString("\n")
	}
	for _, g := range flagGroups {
		title := "\n" + g.title + "\n"
		for _, o := range optionsOf(reflect.ValueOf(c.flags).Elem()) {
			if o.tag.Get("group") != g.key || o.is("passthrough") {
				continue
			}
			b.WriteString(title)
			title = ""
			left := "      " + o.spelling()
			if s := o.tag.Get("short"); s != "" {
				left = "  -" + s + ", " + o.spelling()
			}
			if o.is("arg") {
				left = "  " + o.spelling()
			}
			helpLine(&b, left, strings.ReplaceAll(o.tag.Get("help"), "${default}", o.tag.Get("default")))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// helpLine is a name, and what it is.
func helpLine(b *strings.Builder, left, help string) {
	if len(left) > helpColumn-2 {
		left += "\n"
	}
	_, last, _ := strings.Cut(left, "\n")
	if !strings.HasSuffix(left, "\n") {
		last = left
	}
	b.WriteString(left + strings.Repeat(" ", helpColumn-len(last)))
	b.WriteString(fold(help, helpWidth-helpColumn, strings.Repeat(" ", helpColumn)) + "\n")
}

// printCommands is tincan --help, or that of the commands that begin with a word.
func printCommands(w io.Writer, all []subcommand, word string) error {
	var b strings.Builder
	b.WriteString("Usage: tincan [COMMAND] ...\n\nRun a command in a container made of plain Linux system calls, or list the calls first.\n\n" +
		"Without a command's name, 'run' is meant: tincan -- COMMAND. Try: tincan -- sh\n\nCommands:\n")
	for i := range all {
		if strings.HasPrefix(all[i].name, word) {
			helpLine(&b, "  "+all[i].name, all[i].help)
		}
	}
	b.WriteString("\nFlags:\n")
	helpLine(&b, "  -h, --help", "Print this, or behind a command what belongs to it; so does tincan help [COMMAND].")
	helpLine(&b, "      --version", "Print the version; so does tincan version.")
	_, err := io.WriteString(w, b.String())
	return err
}

// runOwn finds the command and runs it, or prints its --help.
func runOwn(all []subcommand, args []string, w io.Writer) error {
	words := strings.Join(args[:min(2, len(args))], " ")
	i := slices.IndexFunc(all, func(c subcommand) bool { return c.name == words || c.name == args[0] })
	if i < 0 {
		return otherCommand(all, args, w)
	}
	c := &all[i]
	args = args[1+strings.Count(c.name, " "):]
	var wanted *helpWanted
	switch err := c.read(args); {
	case errors.As(err, &wanted) && wanted.flag != "--version":
		return c.printHelp(w)
	case errors.As(err, &wanted):
		return printVersion(w)
	case err != nil:
		return err
	}
	return c.run()
}

// otherCommand is for --help without a command, and for half a command.
func otherCommand(all []subcommand, args []string, w io.Writer) error {
	word, next := args[0], strings.Join(args[1:min(2, len(args))], "")
	if word == "--version" {
		return printVersion(w)
	}
	if word == "--help" || word == "-h" {
		return printCommands(w, all, "")
	}
	var names []string
	for _, c := range all {
		if strings.HasPrefix(c.name, word+" ") {
			names = append(names, c.name[len(word)+1:])
		}
	}
	switch {
	case next == "--help" || next == "-h":
		return printCommands(w, all, word+" ")
	case next == "":
		return fmt.Errorf("%s: what of it? tincan %s %s", word, word, strings.Join(names, ", "))
	}
	return fmt.Errorf("%s %s: no such command: tincan %s %s", word, next, word, strings.Join(names, ", "))
}

func printVersion(w io.Writer) error {
	_, err := fmt.Fprintln(w, "tincan", version)
	return err
}

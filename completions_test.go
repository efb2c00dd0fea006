// The completions for bash, zsh and fish, made from the flags in the source. TestDocs in
// manpage_test.go compares them with the files.
package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// shellValue describes how a shell completes a value.
type shellValue struct {
	words []string
	files bool // also names of files
	dirs  bool // also names of directories
	env   bool // also names of variables
}

var maxRow = regexp.MustCompile(`\bmax\b`)

// shellValueOf returns how the value of a flag is completed.
func shellValueOf(f *kong.Flag) (v shellValue) {
	place := f.PlaceHolder
	if optional, is := optionalValue(f); is {
		place = optional
	}
	switch {
	case f.Enum != "":
		v.words = f.EnumSlice()
	case place == "CAP" || strings.HasPrefix(place, "CAP,"):
		v.words = append([]string{"ALL"}, strings.Fields(strings.ReplaceAll(capabilityNames, "CAP_", ""))...)
	case place == "ARCH":
		for i := range abis {
			v.words = append(v.words, abis[i].name)
		}
	case strings.HasPrefix(place, "NAME=SOFT"):
		for _, r := range rlimitTable {
			v.words = append(v.words, strings.ToLower(r.name)+"=")
		}
	case strings.HasPrefix(place, "NAME["):
		v.env = true
	case strings.HasPrefix(place, "DIR"):
		v.dirs = true
	case strings.HasPrefix(place, "HOST:"):
		v.files = true
	default:
		for word := range strings.SplitSeq(place, "|") {
			if word == "FILE" {
				v.files = true
			} else if word != "" && word == strings.ToLower(word) {
				v.words = append(v.words, word)
			}
		}
		if maxRow.MatchString(f.Help) {
			v.words = append(v.words, "max")
		}
	}
	return v
}

// profileValue returns how the PROFILE of the commands of tincan seccomp is completed.
func (m *cliModel) profileValue() shellValue {
	i := slices.IndexFunc(m.run, func(f *kong.Flag) bool { return f.Name == "seccomp" })
	return shellValueOf(m.run[i])
}

// hasValue reports whether the next word is the flag's value.
func hasValue(f *kong.Flag) bool {
	_, optional := optionalValue(f)
	return !f.IsBool() && !optional
}

// spellings returns a flag's names, with their dashes.
func spellings(f *kong.Flag) []string {
	var out []string
	if f.Short != 0 {
		out = append(out, "-"+string(f.Short))
	}
	out = append(out, "--"+f.Name)
	if f.Tag.Negatable != "" {
		out = append(out, "--no-"+f.Name)
	}
	return out
}

// flagsOf returns all flags of a command.
func (m *cliModel) flagsOf(c commandModel) []*kong.Flag {
	out := slices.Clone(c.own)
	if c.run {
		out = append(slices.Clone(m.run), out...)
		if c.path == "run" {
			out = slices.Clone(m.run)
		}
	}
	return append(out, m.all...)
}

// passes reports whether the command of a container follows the command's flags.
func (c commandModel) passes() bool { return c.run }

// firstWords returns the words that can follow tincan.
func (m *cliModel) firstWords() []string { return commandNames[:] }

// seccompWords returns the commands of tincan seccomp.
func (m *cliModel) seccompWords() (out []string) {
	for _, c := range m.commands {
		if parent, name, two := strings.Cut(c.path, " "); two && parent == "seccomp" {
			out = append(out, name)
		}
	}
	return out
}

// bash returns the generated parts of gen/tincan.bash.
func (m *cliModel) bash() map[string]string {
	var flags, values strings.Builder
	value := func(pattern string, v shellValue) {
		how := ""
		if v.files {
			how += " -f"
		}
		if v.dirs {
			how += " -d"
		}
		if v.env {
			how += " -v"
		}
		if len(v.words) > 0 {
			how += " -W $'" + strings.Join(v.words, `\n`) + "'"
		}
		if how != "" {
			fmt.Fprintf(&values, "\t%s) how=(%s) ;;\n", pattern, how[1:])
		}
	}
	for _, c := range m.commands {
		var all, with []string
		for _, f := range m.flagsOf(c) {
			all = append(all, spellings(f)...)
			if hasValue(f) {
				with = append(with, spellings(f)...)
			}
		}
		passes := ""
		if c.passes() {
			passes = " passes=yes"
		}
		fmt.Fprintf(&flags, "\t%q)\n\t\tflags=%q\n\t\tvalues=%q%s\n\t\t;;\n", c.path, strings.Join(all, " "), strings.Join(with, " "), passes)
		for i, p := range c.Positional {
			if p.Name == "profile" {
				value(fmt.Sprintf("%q", fmt.Sprint(c.path, " ", i)), m.profileValue())
			}
		}
		if c.path == "run" {
			continue
		}
		for _, f := range c.own {
			value(patterns([]string{c.path}, f), shellValueOf(f))
		}
	}
	var runs []string
	for _, c := range m.commands {
		if c.run {
			runs = append(runs, c.path)
		}
	}
	for _, f := range m.run {
		value(patterns(runs, f), shellValueOf(f))
	}
	value(`"help 0"`, shellValue{words: m.firstWords()})
	return map[string]string{
		"FLAGS": flags.String(), "VALUES": values.String(), "FIRST": strings.Join(m.firstWords(), " | "),
		"COMMANDS": strings.Join(m.firstWords(), `\n`), "SECCOMP": strings.Join(m.seccompWords(), `\n`),
	}
}

// patterns returns the pattern of a case in bash that matches a flag of some commands.
func patterns(commands []string, f *kong.Flag) string {
	var out []string
	for _, c := range commands {
		for _, s := range spellings(f) {
			out = append(out, fmt.Sprintf("%q", c+" "+s))
		}
	}
	return strings.Join(out, " | ")
}

// shortHelp returns the first part of a flag's help.
func shortHelp(help string) string {
	for _, end := range []string{". ", ": ", "; ", " ("} {
		if before, _, is := strings.Cut(help, end); is && len(before) > 8 {
			help = before
		}
	}
	return strings.TrimSuffix(help, ".")
}

var zshSpecial = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`)

// zsh returns the generated parts of gen/tincan.zsh: the arguments of _arguments.
func (m *cliModel) zsh() map[string]string {
	var commands, functions strings.Builder
	action := func(v shellValue) string {
		words := strings.Join(v.words, " ")
		switch {
		case v.env:
			return " _parameters -g \"*export*\""
		case v.dirs:
			return "_directories"
		case v.files && len(v.words) > 0:
			return " _tincan_word_or_file " + words
		case v.files:
			return "_files"
		case strings.HasSuffix(words, "="):
			return " compadd -S \"\" - " + words
		case words != "":
			return "(" + words + ")"
		}
		return " "
	}
	spec := func(f *kong.Flag) string {
		var out strings.Builder
		others := "(" + strings.Join(spellings(f), " ") + ")"
		if f.IsSlice() {
			others = "*"
		}
		for _, s := range spellings(f) {
			value := ""
			optional, is := optionalValue(f)
			switch {
			case is && s[1] == '-':
				s, value = s+"=-", "::"+zshSpecial.Replace(optional)+":"+action(shellValueOf(f))
			case hasValue(f) && s[1] == '-':
				s, value = s+"=", ":"+zshSpecial.Replace(f.PlaceHolder)+":"+action(shellValueOf(f))
			case hasValue(f):
				s, value = s+"+", ":"+zshSpecial.Replace(f.PlaceHolder)+":"+action(shellValueOf(f))
			}
			fmt.Fprintf(&out, "\t\t'%s%s[%s]%s'\n", others, s, zshSpecial.Replace(shortHelp(f.Help)), value)
		}
		return out.String()
	}
	seccomp := ""
	for _, c := range m.commands {
		name, what := c.path, zshSpecial.Replace(strings.TrimSuffix(c.Help, "."))
		if parent, sub, two := strings.Cut(c.path, " "); two {
			seccomp += fmt.Sprintf("\t\t'%s:%s'\n", sub, what)
			name = parent + "_" + sub
		} else {
			fmt.Fprintf(&commands, "\t\t'%s:%s'\n", name, what)
		}
		fmt.Fprintf(&functions, "_tincan_%s() {\n\tlocal -a flags=(\n", name)
		for _, f := range m.flagsOf(c) {
			functions.WriteString(spec(f))
		}
		functions.WriteString("\t)\n")
		switch {
		case c.passes():
			functions.WriteString("\t_arguments -s -S -A '-*' $flags '(-)1:command: _command_names -e' '*::argument: _normal'\n")
		case len(c.Positional) > 0 && c.Positional[0].Name == "profile":
			fmt.Fprintf(&functions, "\t_arguments -s -S $flags '1:profile:%s' '*: : '\n", action(m.profileValue()))
		default:
			functions.WriteString("\t_arguments -s -S $flags\n")
		}
		functions.WriteString("}\n\n")
	}
	fmt.Fprintf(&commands, "\t\t'seccomp:Look at a system call filter, compile it, or ask it'\n\t\t'help:Explain a command'\n\t\t'version:Print the version'\n")
	return map[string]string{"COMMANDS": commands.String(), "SECCOMP": seccomp, "FUNCTIONS": functions.String()}
}

var fishSpecial = strings.NewReplacer(`\`, `\\`, "'", `\'`)

// fish returns the generated parts of gen/tincan.fish.
func (m *cliModel) fish() map[string]string {
	var lines, values strings.Builder
	flag := func(commands string, f *kong.Flag) {
		line := "complete -c tincan -n '__tincan_in " + commands + "'"
		if f.Short != 0 {
			line += " -s " + string(f.Short)
		}
		line += " -l " + f.Name
		if v := shellValueOf(f); hasValue(f) {
			how := ""
			switch {
			case v.env:
				how = "(set --names --export)"
			case v.dirs:
				how = "(__fish_complete_directories (commandline -ct))"
			case len(v.words) > 0:
				how = strings.Join(v.words, " ")
			}
			line += " -x"
			if v.files {
				line = line[:len(line)-1] + "rF"
			}
			if how != "" {
				line += " -a '" + how + "'"
			}
		}
		fmt.Fprintf(&lines, "%s -d '%s'\n", line, fishSpecial.Replace(shortHelp(f.Help)))
		if f.Tag.Negatable != "" {
			fmt.Fprintf(&lines, "complete -c tincan -n '__tincan_in %s' -l no-%s\n", commands, f.Name)
		}
	}
	var runs, all []string
	for _, c := range m.commands {
		name := strings.ReplaceAll(c.path, " ", "_")
		all = append(all, name)
		if c.run {
			runs = append(runs, name)
		}
		if parent, sub, two := strings.Cut(c.path, " "); two {
			fmt.Fprintf(&lines, "complete -c tincan -n '__tincan_in %s' -a %s -d '%s'\n", parent, sub, fishSpecial.Replace(shortHelp(c.Help)))
		} else {
			fmt.Fprintf(&lines, "complete -c tincan -n __tincan_first -a %s -d '%s'\n", name, fishSpecial.Replace(shortHelp(c.Help)))
		}
		if len(c.Positional) > 0 && c.Positional[0].Name == "profile" {
			fmt.Fprintf(&lines, "complete -c tincan -n '__tincan_in %s' -F -a '%s'\n", name, strings.Join(m.profileValue().words, " "))
		}
		var with []string
		for _, f := range m.flagsOf(c) {
			if hasValue(f) {
				with = append(with, spellings(f)...)
			}
		}
		fmt.Fprintf(&values, "        case %s\n            string split ' ' -- '%s'\n", name, strings.Join(with, " "))
		if c.path != "run" {
			for _, f := range c.own {
				flag(name, f)
			}
		}
	}
	for _, f := range m.run {
		flag(strings.Join(runs, " "), f)
	}
	for _, f := range m.all {
		flag(strings.Join(all, " "), f)
	}
	return map[string]string{
		"COMPLETE": lines.String(), "VALUES": values.String(), "COMMANDS": strings.Join(m.firstWords(), " "),
		"SECCOMP": strings.Join(m.seccompWords(), " "), "PASSES": strings.Join(runs, " "),
	}
}

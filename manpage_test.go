// docs/tincan.1 and completions/ are generated from the flags in the source, by `make docs`.
//
// The source is kong's model of the command line, from which --help is printed too; the binary has
// no code for this. The parts that a person has written are in gen/. In them, @NAME@ marks the
// place of a generated part.
package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocs compares the generated files with the source. With -update it writes them.
func TestDocs(t *testing.T) {
	m := modelOf(t)
	for file, text := range map[string]string{
		"docs/tincan.1":           filled(t, "gen/tincan.1", m.manPage(t)),
		"completions/tincan.bash": filled(t, "gen/tincan.bash", m.bash()),
		"completions/_tincan":     filled(t, "gen/tincan.zsh", m.zsh()),
		"completions/tincan.fish": filled(t, "gen/tincan.fish", m.fish()),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if old, err := os.ReadFile(file); err != nil || string(old) != text {
			t.Errorf("%s does not agree with the flags: run 'make docs', and commit the changes", file)
		}
	}
}

var markRow = regexp.MustCompile(`@([A-Z]+)@`)

// filled returns the text of a file in gen/ with the generated parts filled in.
func filled(t *testing.T, template string, parts map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	return markRow.ReplaceAllStringFunc(string(text), func(mark string) string {
		part, is := parts[strings.Trim(mark, "@")]
		if !is {
			t.Errorf("%s: there is no generated part for %s", template, mark)
		}
		return strings.TrimSuffix(part, "\n")
	})
}

// commandModel is one command of tincan.
type commandModel struct {
	*kong.Node
	path string // for instance "seccomp show"
	own  []*kong.Flag
	run  bool // it takes run's flags as well
}

// cliModel is the whole command line.
type cliModel struct {
	commands []commandModel
	run      []*kong.Flag // the flags of run
	all      []*kong.Flag // the flags of every command
}

// modelOf returns the model of tincan's command line.
func modelOf(t *testing.T) *cliModel {
	t.Helper()
	_, app, err := parseWithKong(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &cliModel{all: app.Flags}
	for _, n := range app.Leaves(true) {
		c := commandModel{Node: n, path: strings.TrimPrefix(n.FullPath(), "tincan ")}
		if n.Name == "run" {
			m.run = n.Flags
		}
		for _, f := range n.Flags {
			is := func(r *kong.Flag) bool { return r.Name == f.Name }
			if shared := slices.ContainsFunc(m.run, is); shared && f.Group != nil {
				c.run = true
			} else {
				c.own = append(c.own, f)
			}
		}
		m.commands = append(m.commands, c)
	}
	return m
}

// flagsOfCommands are flags that some commands have and run does not.
type flagsOfCommands struct {
	commands string // for instance "seccomp show, seccomp eval"
	flags    []*kong.Flag
}

// ownFlags returns the flags of each set of commands, in the order of the commands.
func (m *cliModel) ownFlags() (out []flagsOfCommands) {
	having := map[string]string{} // the commands that have a flag, by the flag
	what := func(f *kong.Flag) string { return f.Name + " " + f.FormatPlaceHolder() + " " + f.Help }
	for _, c := range m.commands {
		for _, f := range c.own {
			having[what(f)] = strings.TrimPrefix(having[what(f)]+", "+c.path, ", ")
		}
	}
	for _, c := range m.commands {
		if c.path == "run" {
			continue
		}
		for _, f := range c.own {
			commands := having[what(f)]
			i := slices.IndexFunc(out, func(g flagsOfCommands) bool { return g.commands == commands })
			if i < 0 {
				i, out = len(out), append(out, flagsOfCommands{commands: commands})
			}
			if !slices.ContainsFunc(out[i].flags, func(g *kong.Flag) bool { return g.Name == f.Name }) {
				out[i].flags = append(out[i].flags, f)
			}
		}
	}
	return out
}

// optionalValue returns X for a flag whose value can be left out, --flag[=X].
func optionalValue(f *kong.Flag) (string, bool) {
	value, is := strings.CutPrefix(f.PlaceHolder, "[")
	return strings.TrimSuffix(value, "]"), is
}

// manPage returns the generated parts of the man page.
func (m *cliModel) manPage(t *testing.T) map[string]string {
	var synopsis, commands, options, examples strings.Builder
	for _, c := range m.commands {
		line := ".B tincan " + c.path
		if c.path == "run" {
			line = ".B tincan\n.RB [ run ]"
		}
		line += "\n" + roffArguments(c.Node)
		fmt.Fprintf(&synopsis, "%s.br\n", line)
		fmt.Fprintf(&commands, ".SS tincan %s\n%s", c.path, roffText(c.Help))
		detail, example, _ := strings.Cut(c.Detail, "\n\nExample")
		for paragraph := range strings.SplitSeq(detail, "\n\n") {
			if paragraph != "" && !strings.HasPrefix(paragraph, "Exit status:") { // the page has a section on it
				commands.WriteString(".PP\n" + roffText(paragraph))
			}
		}
		if _, example, _ = strings.Cut(example, "\n\n"); example != "" {
			fmt.Fprintf(&examples, ".SS tincan %s\n%s", c.path, roffExamples(example))
		}
	}
	for _, g := range flagGroups {
		in := slices.DeleteFunc(slices.Clone(m.run), func(f *kong.Flag) bool { return f.Group == nil || f.Group.Key != g.Key })
		roffFlags(&options, strings.TrimSuffix(g.Title, ":"), in)
	}
	for _, g := range m.ownFlags() {
		roffFlags(&options, "Flags of "+g.commands, g.flags)
	}
	roffFlags(&options, "Flags of every command", m.all)
	return map[string]string{
		"SYNOPSIS": strings.TrimSuffix(synopsis.String(), ".br\n"), "COMMANDS": commands.String(), "OPTIONS": options.String(), "EXAMPLES": examples.String(),
		"VERSION": makefileValue(t, "RELEASE"), "DATE": makefileValue(t, "DATE"),
	}
}

// makefileValue returns the value of a variable of the Makefile.
func makefileValue(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^` + name + ` *:= *(\S+)$`).FindSubmatch(text)
	if row == nil {
		t.Fatalf("the Makefile has no %s := VALUE", name)
	}
	return string(row[1])
}

// roffArguments returns a command's flags and arguments in the synopsis.
func roffArguments(n *kong.Node) string {
	words := ""
	for _, f := range n.Flags {
		if f.Required {
			words += fmt.Sprintf(".BI %s \" \" %s\n", roffWord("-"+string(f.Short)), f.PlaceHolder)
		}
	}
	if len(n.Flags) > 0 {
		words += ".RI [ flags ]\n"
	}
	for _, p := range n.Positional {
		name := strings.ToUpper(p.Name)
		switch {
		case p.Passthrough && n.Name == "init":
			words += ".RI [ ARG ]...\n"
		case p.Passthrough:
			words += ".RB [ \\-\\- ]\n.IR " + name + " \" [\" ARG ]...\n"
		case p.Required:
			words += ".I " + name + "\n"
		case p.IsSlice():
			words += ".RI [ " + strings.TrimSuffix(name, "S") + " ]...\n"
		default:
			words += ".RI [ " + name + " ]\n"
		}
	}
	return words
}

// roffFlags writes a group of flags.
func roffFlags(b *strings.Builder, title string, flags []*kong.Flag) {
	if len(flags) == 0 {
		return
	}
	fmt.Fprintf(b, ".SS %s\n", title)
	for _, f := range flags {
		name, value := "--"+f.Name, ""
		if f.Tag.Negatable != "" {
			name = "--[no-]" + f.Name
		}
		if optional, is := optionalValue(f); is {
			value = "[=\\fI" + roffWord(optional) + "\\fR]"
		} else if !f.IsBool() {
			value = "=\\fI" + roffWord(f.FormatPlaceHolder()) + "\\fR"
		}
		letter := ""
		if f.Short != 0 {
			letter = "\\fB\\-" + string(f.Short) + "\\fR, "
		}
		fmt.Fprintf(b, ".TP\n%s\\fB%s\\fR%s\n%s", letter, roffWord(name), value, roffText(f.Help))
	}
}

// roffExamples returns the lines of an example: a command and, after some blanks, what it does.
func roffExamples(text string) string {
	out := ".EX\n"
	for line := range strings.Lines(text) {
		command, what, _ := strings.Cut(strings.TrimSpace(line), "   ")
		if what = strings.TrimSpace(what); what != "" {
			out += "# " + roffWord(what) + "\n"
		}
		out += roffWord(command) + "\n"
	}
	return out + ".EE\n"
}

var (
	roffSpecial = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, `"`, `\(dq`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`)
	roffFlag    = regexp.MustCompile(`^([('"]*)(--?[a-z][a-z-]*)(.*)$`)
	wordOnly    = regexp.MustCompile(`^[A-Za-z]+(['-][A-Za-z]+)*[.,:;)]*$`)
	sentenceEnd = regexp.MustCompile(`[.:?)][)']?$`)
)

// roffWord returns the source of text that is printed unchanged, so that it can be copied from the
// page.
func roffWord(s string) string { return roffSpecial.Replace(s) }

// roffText returns the source of a text in lines of at most 78 bytes. Each sentence begins a line.
func roffText(text string) string {
	var b strings.Builder
	width := 0
	words := strings.Fields(text)
	for i, word := range words {
		out := word
		if m := roffFlag.FindStringSubmatch(word); m != nil {
			out = roffWord(m[1]) + `\fB` + roffWord(m[2]) + `\fR` + roffWord(m[3])
		} else if !wordOnly.MatchString(word) {
			out = roffWord(word)
		}
		if out[0] == '.' || out[0] == '\'' {
			out = `\&` + out
		}
		if width > 0 && (width+1+len(out) > 78 || i > 0 && strings.HasSuffix(words[i-1], ".") && sentenceEnd.MatchString(words[i-1])) {
			b.WriteByte('\n')
			width = 0
		} else if width > 0 {
			b.WriteByte(' ')
			width++
		}
		b.WriteString(out)
		width += len(out)
	}
	return b.String() + "\n"
}

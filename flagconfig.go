// Chapters 1 to 4: --config, the flags of run from a file.
//
// kong reads them as if they stood on the command line, in front of its own flags.
//
// Differs from the tutorial: it reads no files.

package main

import (
	"errors"
	"fmt"
	"strings"
)

// configFile is what --config names: flags, as words of a command line, and a command.
type configFile struct{ flags, command []string }

// readConfig reads the file of --config, each line by itself: a mistake is the line's.
func readConfig(name string) (c configFile, err error) {
	lines, err := linesOf("--config", name)
	if err != nil {
		return c, err
	}
	for i, l := range lines {
		t := strings.TrimRight(l.text, " \t")
		if t == "--" {
			for _, l := range lines[i+1:] {
				c.command = append(c.command, strings.TrimRight(l.text, " \t"))
			}
			break
		}
		words := []string{t}
		if flag, value, two := strings.Cut(t, " "); two && !strings.Contains(flag, "=") {
			words = []string{flag, strings.TrimLeft(value, " \t")}
		}
		p, err := configLine(words)
		if err != nil {
			return c, fmt.Errorf("--config=%s, line %d: %w", name, l.number, err)
		}
		p.remember(name, l.number, words)
		c.flags = append(c.flags, words...)
	}
	return c, nil
}

// configLine returns the command line that has the words, which must be a flag of run.
func configLine(words []string) (*commandLine, error) {
	if !strings.HasPrefix(words[0], "-") || words[0] == "-" {
		return nil, fmt.Errorf("%s: this is not a flag, which would begin with a dash; the command belongs after a line --, one word a line", strings.Join(words, " "))
	}
	if words[0] == "--help" || words[0] == "-h" || words[0] == "--version" {
		return nil, fmt.Errorf("%s: this flag works on the command line only", words[0])
	}
	args := append([]string{"run"}, words...)
	p, err := parseWords(args)
	switch {
	case err != nil:
		return nil, err
	case p.Run.Config != "":
		return nil, errors.New("--config: a file of flags cannot name another file of flags")
	case len(p.Run.Args) > 0:
		return nil, fmt.Errorf("%s: this flag has no value", words[0])
	}
	return p, p.sane(args)
}

// fromFile is a flag that the file of --config gave, and the beginnings of errors about it.
type fromFile struct {
	place  string
	errors []string
}

// allFromFile lists the flags of the file of --config.
var allFromFile []fromFile

// remember notes a line of the file of --config.
func (c *commandLine) remember(file string, line int, words []string) {
	f := c.ctx.Path[len(c.ctx.Path)-1].Flag
	if f == nil {
		return
	}
	_, value, given := strings.Cut(words[0], "=")
	if !given {
		value = strings.Join(words[1:], " ")
	}
	begins := []string{"--" + f.Name, "--" + f.Name + "=" + value, "--" + f.Name + " " + value}
	if f.Short != 0 {
		begins = append(begins, fmt.Sprintf("-%c %s", f.Short, value), fmt.Sprintf("-%c %s", f.Short, quote(value)))
	}
	allFromFile = append(allFromFile, fromFile{fmt.Sprintf("--config=%s, line %d", file, line), begins})
}

// whichLine returns the line of the file of --config that an error is about, or "".
func whichLine(err error) string {
	for _, f := range allFromFile {
		for _, begin := range f.errors {
			if strings.HasPrefix(err.Error(), begin+":") || strings.HasPrefix(err.Error(), begin+",") {
				return "this flag is from " + f.place
			}
		}
	}
	return ""
}

// withConfig reads a command line once more, with the flags of the file before its own, which
// win. Where --config is the first word, as behind a script's #!, and the file has a command,
// all that follows belongs to that.
func withConfig(args []string, name string) (*commandLine, error) {
	c, err := readConfig(name)
	if err != nil {
		return nil, err
	}
	file := append([]string{args[0]}, c.flags...)
	if p, err := parseWords(file); err != nil {
		return nil, fmt.Errorf("--config=%s: %w", name, err)
	} else if err := p.sane(file); err != nil {
		return nil, fmt.Errorf("--config=%s: %w", name, err)
	}
	own, command := args[1:], c.command
	if _, n := firstConfig(args); n > 0 && command != nil {
		command, own = append(command, withoutDashes(args[n:])...), args[1:n]
	} else if p, err := parseWords(args); err != nil {
		return nil, err
	} else {
		words := p.flags().Args
		own = own[:len(own)-len(words)]
		command = append(command, withoutDashes(words)...)
		if len(own) > 0 && own[len(own)-1] == "--" {
			own = own[:len(own)-1]
		}
	}
	mine := append([]string{args[0]}, own...)
	p, err := parseWords(mine)
	if err == nil {
		err = p.sane(mine)
	}
	if err != nil {
		return nil, err
	}
	return parseWords(append(append(append(file, own...), "--"), command...))
}

// firstConfig returns the file of a --config that stands first behind run or plan, and how many
// words come before what follows it; or 0.
func firstConfig(args []string) (name string, n int) {
	if args[0] != "run" && args[0] != "record" && args[0] != "plan" || len(args) < 2 {
		return "", 0
	}
	if name, is := strings.CutPrefix(args[1], "--config="); is && name != "" {
		return name, 2
	}
	if len(args) > 2 && args[1] == "--config" && args[2] != "" && args[2][0] != '-' {
		return args[2], 3
	}
	return "", 0
}

func withoutDashes(words []string) []string {
	if len(words) > 0 && words[0] == "--" {
		return words[1:]
	}
	return words
}

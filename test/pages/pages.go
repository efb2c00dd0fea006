// Package pages reads the blocks of commands in this project's pages, and compares what the
// commands print with what the page says.
//
// A block stands between a line that begins with "```console" and "```". In it, a line that
// begins with "$ " is a command, lines with "> " directly below it belong to it, and what
// follows is its output. The words behind "console" are:
//
//	terminal    the commands need a terminal
//	user        an ordinary user types the commands
//	NAME        any other word is a program that the commands need, and that a bare Debian
//	            does not have
package pages

import (
	"fmt"
	"regexp"
	"strings"
)

// Command is a command of a page, and the output that stands below it.
type Command struct {
	Line     int    // of the page
	Section  string // the heading above it, which begins with "## "
	Text     string
	Output   []string
	Needs    []string // programs
	Terminal bool
	User     bool
}

// Read returns the commands of a page, in order.
func Read(text string) (all []Command, err error) {
	var words []string
	section, fence, inCommand := "", "", false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case fence == "" && strings.HasPrefix(line, "```"):
			words = strings.Fields(line[3:])
			fence, inCommand = "other", false
			if len(words) > 0 && words[0] == "console" {
				fence = "console"
			}
			words = words[min(1, len(words)):]
		case line == "```":
			fence = ""
		case fence == "" && strings.HasPrefix(line, "## "):
			section = line[3:]
		case fence != "console":
		case strings.HasPrefix(line, "$ "):
			c := Command{Line: i + 1, Section: section, Text: line[2:]}
			for _, w := range words {
				switch w {
				case "terminal":
					c.Terminal = true
				case "user":
					c.User = true
				default:
					c.Needs = append(c.Needs, w)
				}
			}
			all, inCommand = append(all, c), true
		case len(all) == 0:
			return nil, fmt.Errorf("line %d: output without a command: %q", i+1, line)
		case inCommand && strings.HasPrefix(line, "> "):
			all[len(all)-1].Text += "\n" + line[2:]
		default:
			inCommand = false
			all[len(all)-1].Output = append(all[len(all)-1].Output, line)
		}
	}
	if fence != "" {
		return nil, fmt.Errorf("the last block does not end")
	}
	return all, nil
}

// pattern returns a regular expression for lines as a page writes them: <N> is a number,
// <WORD> is something without blanks, "..." at the end of a line is the rest of the line, and
// a line with nothing but "..." is any number of lines. The width of a gap between words does
// not matter.
func pattern(lines []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^`)
	for _, line := range lines {
		if strings.TrimSpace(line) == "..." {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		line, open := strings.CutSuffix(squeezed(line), "...")
		p := regexp.QuoteMeta(line)
		p = regexp.MustCompile(`<N>`).ReplaceAllString(p, `[0-9]+`)
		p = regexp.MustCompile(`<[A-Z]+>`).ReplaceAllString(p, `\S+`)
		if open {
			p += `.*`
		}
		b.WriteString(p + `\n`)
	}
	return regexp.MustCompile(b.String() + `$`)
}

// squeezed returns a line with one blank for each gap between words, and none at the ends.
func squeezed(line string) string { return strings.Join(strings.Fields(line), " ") }

// Differs returns the first line of what the page says that the output does not go on with,
// or "" if the output is what the page says.
func (c Command) Differs(got string) string { return differs(c.Output, got) }

func differs(want []string, got string) string {
	var lines strings.Builder
	for line := range strings.Lines(got) {
		lines.WriteString(squeezed(line) + "\n")
	}
	if pattern(want).MatchString(lines.String()) {
		return ""
	}
	for i := range want {
		if !pattern(append(want[:i+1:i+1], "...")).MatchString(lines.String()) {
			return want[i]
		}
	}
	return "(the end)"
}

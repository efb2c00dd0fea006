// `tincan plan`: prints the plan for people to read, or as JSON.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// planCmd is the command line of `tincan plan`.
type planCmd struct {
	runFlags
	Explain bool `group:"print" help:"Say why each call is made."`
	Chapter int  `placeholder:"N" group:"print" help:"Only the calls of the tutorial's step N, 7 to 16."`
	JSON    bool `name:"json" group:"print" help:"One JSON object for each call, in an array."`
}

// Help implements kong.HelpProvider.
func (planCmd) Help() string {
	return `The calls are in strace's notation and in order; the number is the one that an error of run quotes. 'host' marks what the launcher does from outside; everything else is done by the container's own first process, the init that it becomes, and the command's process. Names in capitals are descriptors and values that are known only when it runs.

Examples:

  tincan plan -- bash
  tincan plan --explain --chapter=10 -m /srv/debian -- apt list
  tincan run -d -m /srv/debian -- true    the same calls, as they are made`
}

// print writes the plan, and makes none of its calls.
func (p *planCmd) print(w io.Writer) error {
	if p.Step {
		return fmt.Errorf("--step: only tincan run has this flag, because plan makes no calls")
	}
	if p.Chapter != 0 && (p.Chapter < 0 || p.Chapter >= len(chapters) || chapters[p.Chapter].title == "") {
		return fmt.Errorf("--chapter=%d: give a number from 7 to 16; these are the tutorial's steps that make system calls", p.Chapter)
	}
	if _, err := parseDuration(p.Timeout); err != nil {
		return err
	}
	if err := checkProc(); err != nil {
		return err
	}
	c, err := newConfig(&p.runFlags)
	if err != nil {
		return err
	}
	fd, err := c.root.open()
	if err != nil {
		return err
	}
	defer sysClose(fd)
	y, err := newLayout(c, fd)
	if err != nil {
		return err
	}
	d := &fds{group: make([]int, len(c.group.parents))}
	t, err := newJobControl()
	if err != nil {
		return err
	}
	if t != nil {
		d.handOver, d.apart, d.outs, d.outNames = t.handOver, t.apart, t.outs, t.names
		sysClose(t.fd)
	}
	plan := newPlan(c, y, d)
	if p.JSON {
		return printJSON(w, plan, p.Chapter)
	}
	var b strings.Builder
	for _, line := range c.group.absent {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	last := uint8(0)
	for i, s := range plan {
		if p.Chapter != 0 && int(s.chapter) != p.Chapter {
			continue
		}
		if s.chapter != last {
			last = s.chapter
			fmt.Fprintf(&b, "\n# step %d: %s (%s)\n", last, chapters[last].title, chapters[last].file)
		}
		fmt.Fprintf(&b, "%4d %-7s %s%s\n", i+1, s.actor, s, tolerated(s))
		if p.Explain && s.why != "" {
			fmt.Fprintf(&b, "             # %s\n", s.why)
		}
	}
	_, err = io.WriteString(w, printable(strings.TrimPrefix(b.String(), "\n")))
	return err
}

// tolerated returns a remark on the errno that counts as success, or "".
func tolerated(s *step) string {
	if s.may == 0 {
		return ""
	}
	return "    # or " + errnoName(syscall.Errno(s.may))
}

// planLine is one step of the plan in JSON.
type planLine struct {
	Number    int    `json:"number"`
	Chapter   int    `json:"chapter"`
	Actor     string `json:"actor"`
	Call      string `json:"call"`
	Text      string `json:"text"`
	Tolerated string `json:"tolerated,omitempty"`
	Keeps     bool   `json:"keeps,omitempty"` // later steps use its result, as KEPT
	Why       string `json:"why,omitempty"`
}

// printJSON writes the steps of a chapter, or all steps if the chapter is 0, as a JSON array.
func printJSON(w io.Writer, plan plan, chapter int) error {
	lines := []planLine{}
	for i, s := range plan {
		if chapter != 0 && int(s.chapter) != chapter {
			continue
		}
		l := planLine{Number: i + 1, Chapter: int(s.chapter), Actor: s.actor.String(), Call: s.call, Text: s.String(), Keeps: s.keep != nowhere, Why: s.why}
		if s.may != 0 {
			l.Tolerated = errnoName(syscall.Errno(s.may))
		}
		lines = append(lines, l)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(lines)
}

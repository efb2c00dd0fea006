// What tincan record prints: new calls as they appear, if standard error is a terminal, and the
// reports at the end. man 3 termios.

package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// liveView shows new calls on the terminal, several times a second. It is nil if standard error is
// not a terminal.
type liveView struct {
	count int
	fresh []string
	due   *time.Timer
}

const viewEvery = 250 * time.Millisecond

// show adds a call that no program has made before.
func (v *liveView) show(r *recorder, u *use) {
	v.count++
	v.fresh = append(v.fresh, u.text())
	if v.due == nil {
		v.due = time.AfterFunc(viewEvery, func() { r.mu.Lock(); defer r.mu.Unlock(); v.print(r) })
	}
}

// print prints the new calls. It waits while a program, such as an editor or a shell at its
// prompt, has taken the terminal out of line mode, because the line would be printed across its
// screen; and while TOSTOP is set, because printing could stop tincan.
func (v *liveView) print(r *recorder) {
	v.due = nil
	if len(v.fresh) == 0 {
		return
	}
	state, err := unix.IoctlGetTermios(2, unix.TCGETS)
	if err != nil || state.Lflag&(unix.ICANON|unix.TOSTOP) != unix.ICANON {
		v.due = time.AfterFunc(viewEvery, func() { r.mu.Lock(); defer r.mu.Unlock(); v.print(r) })
		return
	}
	fmt.Fprintf(os.Stderr, "tincan: %s so far, and new: %s\r\n", plural(v.count, "call"), strings.Join(v.fresh, " "))
	v.fresh = nil
}

// summary returns the last line.
func (r *recorder) summary() string {
	distinct, total, last := 0, 0, ""
	for _, u := range r.all() {
		if u.text() != last {
			distinct++
		}
		last = u.text()
		total += u.count
	}
	return fmt.Sprintf("%s, %d total, %s", plural(distinct, "distinct call"), total, plural(len(r.programs), "program"))
}

// report returns a table of each program's calls.
func (r *recorder) report() (lines []string) {
	var programs []*program
	for _, p := range r.programs {
		programs = append(programs, p)
	}
	sort.Slice(programs, func(i, j int) bool { return programs[i].name < programs[j].name })
	for _, p := range programs {
		total := 0
		var uses []*use
		for _, u := range p.uses {
			uses = append(uses, u)
			total += u.count
		}
		sort.Slice(uses, func(i, j int) bool {
			a, b := uses[i], uses[j]
			return a.count > b.count || a.count == b.count && a.less(b)
		})
		lines = append(lines, fmt.Sprintf("%s: %s, %d total", p.name, plural(len(p.uses), "distinct call"), total))
		for _, u := range uses {
			lines = append(lines, fmt.Sprintf("%10d  %s", u.count, u.text()))
		}
	}
	return lines
}

// differences returns a line for every call that --diff's file does not allow.
func (r *recorder) differences(file string) (lines []string) {
	for _, p := range r.programs {
		for _, u := range p.uses {
			if u.lacks > 0 {
				lines = append(lines, fmt.Sprintf("%s does not allow %s (%s, %s)", file, u.text(), p.name, plural(u.lacks, "time")))
			}
		}
	}
	sort.Strings(lines)
	if lines == nil {
		lines = []string{file + " allows every call of this run"}
	}
	return lines
}

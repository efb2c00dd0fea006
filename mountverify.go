// Chapter 10, afterwards: is everything where it should be?
//
// proc_pid_mountinfo(5).
//
// A root directory that others can write may be changed while it is mounted: a
// mount point renamed, a symlink put in its place. The mount then stands elsewhere
// in the container, and never outside it; but /proc would be without its masks at
// the place where programs look. So the launcher looks before it lets the child go
// on: the child waits for the maps of ids, with all mounts made.

package main

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// verifyMounts compares the plan's mounts with those that the kernel shows.
func (l *launch) verifyMounts() error {
	file := "/proc/" + strconv.Itoa(l.pid) + "/mountinfo"
	text, err := readFile(file)
	if err != nil {
		return err
	}
	shown := shownMounts(text)
	pivoted := false
	for _, s := range l.plan {
		pivoted = pivoted || s.call == "pivot_root"
		if !pivoted || s.actor != child || s.call != "mount" {
			continue
		}
		target, kind := s.args[1].s, s.args[2].s
		if mountedAt(shown, target, kind) || s.may == unix.ENOENT && !exists(target) {
			continue // or a mask of something that this kernel does not have
		}
		return fmt.Errorf("%s was made, but %s shows it elsewhere: somebody changed the root directory %s meanwhile; nothing was run", s, file, l.c.root.dir)
	}
	return nil
}

// shownMount is a mount as mountinfo shows it: where, and of which type.
type shownMount struct{ point, kind string }

func shownMounts(mountinfo string) []shownMount {
	out := make([]shownMount, 0, 64)
	for line := range strings.SplitSeq(mountinfo, "\n") {
		rest := line
		for range 4 { // id, parent's id, device, root within the file system
			_, rest, _ = strings.Cut(rest, " ")
		}
		point, rest, _ := strings.Cut(rest, " ")
		_, after, ok := strings.Cut(rest, " - ")
		kind, _, _ := strings.Cut(after, " ")
		if ok && point != "" {
			out = append(out, shownMount{point, kind})
		}
	}
	return out
}

// mountedAt tells whether there is a mount at target, of the type kind if kind is not "".
func mountedAt(shown []shownMount, target, kind string) bool {
	at := escapeMount(target)
	for _, m := range shown {
		if m.point == at && (kind == "" || m.kind == kind) {
			return true
		}
	}
	return false
}

// escapeMount writes a path as mountinfo does.
func escapeMount(s string) string {
	if !strings.ContainsAny(s, " \t\n\\") {
		return s
	}
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
}

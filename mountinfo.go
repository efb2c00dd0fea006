// Chapter 10: the mounts that the kernel shows.
//
// proc_pid_mountinfo(5).
//
// This is the one reader of mountinfo: for the hierarchies of control groups, for the names
// that a home has on this machine, for the look at the container's mounts before its
// command runs, and for hints.
//
// Differs from the tutorial: it looks at none.

package main

// mountLine is a line of mountinfo.
type mountLine struct {
	id, parent  string
	device      string // MAJOR:MINOR
	root, point string // within the file system, and in this tree
	options     string // of the mount
	fstype      string
	source      string
	super       string // options of the file system
}

// ownMounts are the mounts of the launcher's own tree.
func ownMounts() ([]mountLine, error) { return mountsIn("/proc/self/mountinfo") }

func mountsIn(file string) ([]mountLine, error) {
	content, e := readFile(file)
	if e != 0 {
		return nil, failedCall("open", file, "O_RDONLY", e)
	}
	return mountLines(content), nil
}

// mountLines reads the text of a mountinfo. A line of another form is left out.
func mountLines(content string) []mountLine {
	out := grow([]mountLine(nil), 64)
	for rest := content; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		var m mountLine
		m.id, line, _ = cut(line, " ")
		m.parent, line, _ = cut(line, " ")
		m.device, line, _ = cut(line, " ")
		m.root, line, _ = cut(line, " ")
		m.point, line, _ = cut(line, " ")
		m.options, line, _ = cut(line, " ")
		// Optional fields end with a lone dash.
		for line != "" && !hasPrefix(line, "- ") {
			_, line, _ = cut(line, " ")
		}
		if line == "" || m.point == "" {
			continue
		}
		m.fstype, line, _ = cut(line[2:], " ")
		m.source, m.super, _ = cut(line, " ")
		m.root, m.point, m.source = unescapeMount(m.root), unescapeMount(m.point), unescapeMount(m.source)
		out = add(out, m)
	}
	return out
}

// unescapeMount undoes mountinfo's octal escapes of blanks and the backslash.
func unescapeMount(s string) string {
	at := indexByte(s, '\\')
	if at < 0 {
		return s
	}
	b := space(len(s) + 1)
	n := copy(b, s[:at])
	for ; at < len(s); at++ {
		b[n] = s[at]
		if at+3 < len(s) && s[at] == '\\' && octal(s[at+1]) && octal(s[at+2]) && octal(s[at+3]) {
			b[n] = (s[at+1]-'0')<<6 | (s[at+2]-'0')<<3 | (s[at+3] - '0')
			at += 3
		}
		n++
	}
	return stringOf(b[:n])
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

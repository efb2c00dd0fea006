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

// readMounts reads the mounts of the tree that a process sees, for next.
func readMounts(process string) (string, error) {
	file := text("/proc/", process, "/mountinfo")
	content, e := readFile(file)
	if e != 0 {
		return "", failedCall("open", file, "O_RDONLY", e)
	}
	return content, nil
}

// next reads a line of a mountinfo's text, and takes it away there. It returns false at the
// end. A line of another form is left out.
func (m *mountLine) next(content *string) bool {
	for s := *content; s != ""; {
		var w string
		escaped := false
		for _, field := range [...]*string{&m.id, &m.parent, &m.device, &m.root, &m.point, &m.options} {
			*field, s = mountWord(s, &escaped)
		}
		// Optional fields end with a lone dash.
		for w, s = mountWord(s, &escaped); w != "" && w != "-"; {
			w, s = mountWord(s, &escaped)
		}
		for _, field := range [...]*string{&m.fstype, &m.source, &m.super} {
			*field, s = mountWord(s, &escaped)
		}
		_, s = nextLine(s)
		if *content = s; w == "" || m.fstype == "" {
			continue
		}
		if escaped {
			m.root, m.point, m.source = unescapeMount(m.root), unescapeMount(m.point), unescapeMount(m.source)
		}
		return true
	}
	return false
}

// mountWord returns the next word of a line, and what is behind it: at the end of the line
// that is the line break, and the word is "". One look at each byte does for everything: a
// machine has hundreds of mounts.
func mountWord(s string, escaped *bool) (word, rest string) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			*escaped = true
		case c > ' ':
		case c == ' ':
			return s[:i], s[i+1:]
		case c == '\n':
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// ownMounts are the mounts of the launcher's own tree.
func ownMounts() ([]mountLine, error) {
	content, err := readMounts("self")
	return mountLines(content), err
}

// mountLines are all lines of a mountinfo's text.
func mountLines(content string) (out []mountLine) {
	for m := one[mountLine](); m.next(&content); {
		out = add(out, *m)
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

// Chapter 10: the mounts that the kernel shows.
//
// proc_pid_mountinfo(5).
//
// All reading of mountinfo happens here. It is used to find the cgroup hierarchies, to find
// other names of a home directory, to check the container's mounts before its command runs, and
// for hints.
//
// Differs from the tutorial: the tutorial does not read mountinfo.

package main

// mountLine is a line of mountinfo.
type mountLine struct {
	id, parent  string
	device      string // MAJOR:MINOR
	root, point string // root is a path in the file system, point a path in this tree
	options     string // of the mount
	fstype      string
	source      string
	super       string // options of the file system
}

// readMounts reads the mounts that a process sees. The function next splits the text into lines.
func readMounts(process string) (string, error) {
	file := text("/proc/", process, "/mountinfo")
	content, e := readFile(file)
	if e != 0 {
		return "", failedCall("open", file, "O_RDONLY", e)
	}
	return content, nil
}

// next reads one line of mountinfo from content and removes it there. It returns false at the
// end. Lines in another format are skipped.
func (m *mountLine) next(content *string) bool {
	for s := *content; s != ""; {
		var w string
		escaped := false
		for _, field := range [...]*string{&m.id, &m.parent, &m.device, &m.root, &m.point, &m.options} {
			*field, s = mountWord(s, &escaped)
		}
		// The optional fields end with a single dash.
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

// mountWord returns the next word of a line and the text after it. At the end of the line that
// text begins with the line break, and the word is "". Each byte is looked at only once, since a
// machine may have hundreds of mounts.
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

// ownMounts returns the mounts that the launcher sees.
func ownMounts() ([]mountLine, error) {
	content, err := readMounts("self")
	return mountLines(content), err
}

// mountLines returns all lines of mountinfo.
func mountLines(content string) (out []mountLine) {
	for m := one[mountLine](); m.next(&content); {
		out = add(out, *m)
	}
	return out
}

// unescapeMount replaces mountinfo's octal escapes of blanks and the backslash.
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

// The toolkit, continued: replacements for functions of strings and strconv.
//
// Most functions of the standard library would work before the runtime has started. They lie in
// other pages of the program, however, and each page that a start touches costs as much as a few
// system calls.
//
// Differs from the tutorial: the tutorial's program uses its standard library.

package main

import (
	"math"
	"unsafe"
)

// decimal does what strconv.Itoa does.
func decimal(n int) string {
	if n < 0 {
		return text("-", unsigned(uint64(-n)))
	}
	return unsigned(uint64(n))
}

// unsigned does what strconv.FormatUint does in base 10.
func unsigned(n uint64) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			break
		}
	}
	return text(unsafe.String(&b[i], len(b)-i))
}

// number reads an unsigned decimal number, as strconv.ParseUint does in base 10.
func number(s string) (n uint64, ok bool) {
	for i := 0; i < len(s); i++ {
		d := uint64(s[i] - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, s != ""
}

// field returns the first word of s and the text after it; words are separated as in
// strings.Fields. The word is "" at the end of the text.
func field(s string) (word, rest string) {
	for s != "" && blank(s[0]) {
		s = s[1:]
	}
	for i := 0; i < len(s); i++ {
		if blank(s[i]) {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func blank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

// trimmed returns s without the blanks at its two ends.
func trimmed(s string) string {
	for s != "" && blank(s[0]) {
		s = s[1:]
	}
	for s != "" && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// fields does what strings.Fields does, for ASCII.
func fields(s string) []string {
	var out []string
	for {
		var w string
		if w, s = field(s); w == "" {
			return out
		}
		out = add(out, w)
	}
}

// has reports whether the list contains s.
func has(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// cut does what strings.Cut does.
func cut(s, at string) (before, after string, found bool) {
	for from := 0; ; from++ {
		i := indexByte(s[from:], at[0])
		if i < 0 || from+i+len(at) > len(s) {
			return s, "", false
		}
		if from += i; s[from:from+len(at)] == at {
			return s[:from], s[from+len(at):], true
		}
	}
}

// hasPrefix does what strings.HasPrefix does.
func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// cutPrefix does what strings.CutPrefix does.
func cutPrefix(s, prefix string) (after string, found bool) {
	if !hasPrefix(s, prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func cutSuffix(s, suffix string) (before string, found bool) {
	if at := len(s) - len(suffix); at >= 0 && s[at:] == suffix {
		return s[:at], true
	}
	return s, false
}

// indexByte does what strings.IndexByte does.
func indexByte(s string, c byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] == c {
			return i
		}
	}
	return -1
}

// lastIndexByte does what strings.LastIndexByte does.
func lastIndexByte(s string, c byte) int {
	i := len(s) - 1
	for i >= 0 && s[i] != c {
		i--
	}
	return i
}

// hasSuffix does what strings.HasSuffix does.
func hasSuffix(s, suffix string) bool {
	_, found := cutSuffix(s, suffix)
	return found
}

// withoutEnd does what strings.TrimSuffix does.
func withoutEnd(s, suffix string) string {
	s, _ = cutSuffix(s, suffix)
	return s
}

// contains does what strings.Contains does.
func contains(s, part string) bool {
	_, _, found := cut(s, part)
	return found
}

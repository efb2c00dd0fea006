// Chapters 1 to 4, continued: the values of flags.
//
// Each function reads one kind of value; its error says what would be right.

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}

func mapsText(maps []idMap) string {
	var out []string
	for _, m := range maps {
		out = append(out, fmt.Sprintf("%d to %d", m.inside, uint64(m.inside)+uint64(m.count)-1))
	}
	return strings.Join(out, ", ")
}

// parseMap reads INSIDE:HOST:COUNT.
func parseMap(s string) (idMap, error) {
	parts := strings.Split(s, ":")
	var n [3]uint32
	ok := len(parts) == 3
	for i := 0; ok && i < 3; i++ {
		v, err := strconv.ParseUint(parts[i], 10, 32)
		n[i], ok = uint32(v), err == nil
	}
	if !ok {
		return idMap{}, fmt.Errorf("--map=%s: not INSIDE:HOST:COUNT, three whole numbers, for instance 0:10000:2000", s)
	}
	// The id 2^32-1 is none: it means "leave as it is" to setresuid(2).
	if n[2] == 0 || uint64(n[0])+uint64(n[2]) > math.MaxUint32 || uint64(n[1])+uint64(n[2]) > math.MaxUint32 {
		return idMap{}, fmt.Errorf("--map=%s: the count must be 1 or more, and no id above %d", s, uint32(math.MaxUint32-1))
	}
	return idMap{n[0], n[1], n[2]}, nil
}

func resolveDir(p string) (string, error) {
	abs, err := filepath.Abs(p)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			return "", fmt.Errorf("%s: %w", pe.Path, pe.Err)
		}
		return "", err
	}
	fi, err := os.Stat(abs)
	if err != nil {
		return "", err
	}
	if !fi.IsDir() {
		return "", errors.New("not a directory; the root directory of a container is one, with its programs in it")
	}
	return abs, nil
}

// parseAdd reads HOST:CONTAINER[:ro]; `\:` is a colon of a name.
func parseAdd(s string) (addedPath, error) {
	a := addedPath{text: "-a " + s}
	parts := splitColons(s)
	switch {
	case len(parts) < 2:
		return a, fmt.Errorf("-a %s: no colon: HOST:CONTAINER or HOST:CONTAINER:ro, for instance %s:%s (a colon in a name is written \\:)", s, s, s)
	case len(parts) == 3 && (parts[2] == "ro" || parts[2] == "rw"):
		a.readOnly = parts[2] == "ro"
	case len(parts) > 2:
		return a, fmt.Errorf("-a %s: %q after the second colon: only ro (or rw) can stand there (a colon in a name is written \\:)", s, parts[2])
	}
	if parts[0] == "" {
		return a, fmt.Errorf("-a %s: nothing before the colon: HOST:CONTAINER", s)
	}
	abs, err := filepath.Abs(parts[0])
	if err == nil {
		a.source, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = fmt.Errorf("%s: %w", pe.Path, pe.Err)
		}
		return a, fmt.Errorf("-a %s: the host's %w", s, err)
	}
	fi, err := os.Stat(a.source)
	if err != nil {
		return a, fmt.Errorf("-a %s: %w", s, err)
	}
	a.dir, a.device = fi.IsDir(), isDevice(fi)
	a.target, err = target(parts[1])
	if err != nil {
		return a, fmt.Errorf("-a %s: %w", s, err)
	}
	return a, nil
}

func parseTmpfs(s string) (addedPath, error) {
	a := addedPath{text: "--tmpfs=" + s, tmpfs: true}
	parts := splitColons(s)
	if len(parts) > 2 {
		return a, fmt.Errorf("--tmpfs=%s: not DIR or DIR:SIZE (a colon in a name is written \\:)", s)
	}
	if len(parts) == 2 {
		n, err := parseSize(parts[1])
		if err != nil {
			return a, fmt.Errorf("--tmpfs=%s: %w", s, err)
		}
		if n == 0 {
			return a, fmt.Errorf("--tmpfs=%s: a size of 0 is no limit to the kernel; leave the size out for its default", s)
		}
		a.size = strconv.FormatUint(n, 10)
	}
	var err error
	if a.target, err = target(parts[0]); err != nil {
		return a, fmt.Errorf("--tmpfs=%s: %w", s, err)
	}
	a.dir = true
	return a, nil
}

// target checks a path of the container.
func target(p string) (string, error) {
	if !path.IsAbs(p) {
		return "", fmt.Errorf("%q in the container is not an absolute path: it begins with /", p)
	}
	if slices.Contains(strings.Split(p, "/"), "..") {
		return "", fmt.Errorf("%q in the container: no `..` here", p)
	}
	clean := path.Clean(p)
	if clean == "/" {
		return "", errors.New("the container's / is what -m gives; add to a path below it")
	}
	if clean == "/dev" {
		return "", errors.New("the container's /dev is its own; add a path below it")
	}
	for _, own := range []string{"/proc", "/sys"} {
		if _, ok := below(clean, own); ok {
			return "", fmt.Errorf("the container's %s is its own, and nothing can be added to it", own)
		}
	}
	return clean, nil
}

// splitColons splits at colons, except those written `\:`.
func splitColons(s string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ':':
			b.WriteByte(':')
			i++
		case s[i] == ':':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(out, b.String())
}

func parsePids(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || n > 4194304 { // PID_MAX_LIMIT, linux/threads.h
		return 0, fmt.Errorf("not a number of processes: 1 to 4194304, or max")
	}
	return n, nil
}

func parseWeight(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < 1 || n > 10000 {
		return 0, errors.New("not a weight: 1 to 10000, where 100 is everybody else's")
	}
	return n, nil
}

// parseCPUs gives thousandths of a processor.
func parseCPUs(s string) (uint64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0.01 || v > 10000 || math.IsNaN(v) {
		return 0, errors.New("not a number of processors: 0.01 to 10000, such as 1.5, or max")
	}
	return uint64(math.Round(v * 1000)), nil
}

// parseDuration reads a --timeout: Go's notation, or a bare number of seconds.
func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if seconds, e := strconv.ParseFloat(s, 64); e == nil && seconds < 1e9 {
		d, err = time.Duration(seconds*float64(time.Second)), nil // below 1e9: what overflows is another number on each architecture
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--timeout=%s: not a duration: 30s, 1m30s, 500ms, or a number of seconds", s)
	}
	return d, nil
}

// splitLine splits a line as a shell does: blanks separate, '...' is literal, "..."
// and backslash quote. Nothing is expanded.
func splitLine(s string) ([]string, error) {
	var out []string
	var b strings.Builder
	word := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n':
			if word {
				out = append(out, b.String())
				b.Reset()
				word = false
			}
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a ' is not closed")
			}
			b.WriteString(s[i+1 : i+1+end])
			i += end + 1
			word = true
		case '"':
			word = true
			for i++; ; i++ {
				if i >= len(s) {
					return nil, errors.New("a \" is not closed")
				}
				if s[i] == '"' {
					break
				}
				if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"\\$`", s[i+1]) >= 0 {
					i++
				}
				b.WriteByte(s[i])
			}
		case '\\':
			if i+1 >= len(s) {
				return nil, errors.New("nothing after the last backslash")
			}
			i++
			b.WriteByte(s[i])
			word = true
		default:
			b.WriteByte(c)
			word = true
		}
	}
	if word {
		out = append(out, b.String())
	}
	return out, nil
}

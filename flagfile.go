// Chapters 1 to 4: files that have something a line, as --env-file and --config.
//
// A file has one of them a line. Blank lines, and lines that begin with #, say nothing: the
// first line may be a script's #!.
//
// Differs from the tutorial: it reads no files.

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// line is a line of a file that says something.
type line struct {
	number int
	text   string
}

// linesOf reads the file of a flag.
func linesOf(flag, name string) ([]line, error) {
	b, err := readRegular(name, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", flag, name, err)
	}
	var out []line
	for i, s := range strings.Split(b, "\n") {
		s = strings.TrimLeft(strings.TrimSuffix(s, "\r"), " \t")
		if strings.Contains(s, "\x00") {
			return nil, fmt.Errorf("%s=%s, line %d: a zero byte", flag, name, i+1)
		}
		if s != "" && s[0] != '#' {
			out = append(out, line{i + 1, s})
		}
	}
	return out, nil
}

// readRegular reads a regular file of at most so many bytes: nothing that never ends, or that
// nobody ever writes to.
func readRegular(name string, most int) (string, error) {
	fd, e := sysOpen(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if e != 0 {
		return "", &os.PathError{Op: "open", Path: name, Err: e}
	}
	defer sysClose(fd)
	var st unix.Stat_t
	if e := sysFstat(fd, &st); e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", errors.New("not a regular file")
	}
	if st.Size > int64(most) {
		return "", fmt.Errorf("%d bytes: more than %d are not read", st.Size, most)
	}
	b, e := readAll(fd)
	if e != 0 {
		return "", &os.PathError{Op: "read", Path: name, Err: e}
	}
	return b, nil
}

// fileEnv reads the files of --env-file: NAME=VALUE, or NAME.
func fileEnv(files []string) (all []variable, err error) {
	for _, file := range files {
		lines, err := linesOf("--env-file", file)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			v := variable{fmt.Sprintf("--env-file=%s, line %d: ", file, l.number), l.text}
			if n, _, _ := strings.Cut(l.text, "="); strings.ContainsAny(n, " \t") {
				return nil, fmt.Errorf("%s%s: a name with a blank in it: NAME=VALUE, or NAME to copy the caller's value", v.where, n)
			}
			all = append(all, v)
		}
	}
	return all, nil
}

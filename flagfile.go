// Chapters 1 to 4: flags and variables from files, --config and --env-file.
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

// withFile reads the file of --config, and then the flags before and behind --config once
// more, which win. It returns the command's words: those of the file, if it has a command,
// and then everything behind --config belongs to it, as with a script's #! line.
func (r *flagReader) withFile(before, behind []string) ([]string, error) {
	name := r.f.Config
	lines, err := linesOf("--config", name)
	if err != nil {
		return nil, err
	}
	*r = *newFlagReader(r.owner)
	r.inFile = true
	var command []string
	for i, l := range lines {
		t := strings.TrimRight(l.text, " \t")
		if t == "--" {
			for _, l := range lines[i+1:] {
				command = append(command, strings.TrimRight(l.text, " \t"))
			}
			break
		}
		words := []string{t}
		if flag, value, two := strings.Cut(t, " "); two && !strings.Contains(flag, "=") {
			words = []string{flag, strings.TrimLeft(value, " \t")}
		}
		rest, err := r.words(words)
		switch {
		case err != nil:
		case r.f.Config != "":
			err = errors.New("--config: a file cannot name another")
		case len(rest) == len(words):
			err = fmt.Errorf("%s: not a flag: one begins with a dash, and the command stands behind a line with --", t)
		case len(rest) > 0:
			err = fmt.Errorf("%s: this flag has no value", t)
		}
		if err != nil {
			return nil, fmt.Errorf("--config=%s, line %d: %w", name, l.number, err)
		}
	}
	r.inFile, r.seen, r.f.Config = false, 0, name
	if _, err := r.words(before); err != nil {
		return nil, err
	}
	if command == nil {
		return r.words(behind)
	}
	if len(behind) > 0 && behind[0] == "--" {
		behind = behind[1:]
	}
	return append(command, behind...), nil
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

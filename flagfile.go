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
	"io"
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
			return nil, fmt.Errorf("%s=%s, line %d: the line contains a zero byte; this must be a text file", flag, name, i+1)
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
		return "", fmt.Errorf("the file has %d bytes, but at most %d are read", st.Size, most)
	}
	b, e := readMost(fd, most)
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
				return nil, fmt.Errorf("%s%s: the name of a variable cannot contain a blank: write NAME=VALUE, or NAME to copy the caller's value", v.where, n)
			}
			all = append(all, v)
		}
	}
	return all, nil
}

// mostGiven is the size of a file that the user names, in bytes: profiles and lists have a
// few thousand.
const mostGiven = 16 << 20

// readGiven reads a file that the user has named. A pipe (a shell's <(...)) is read to its end. A
// FIFO that no process has open for writing counts as empty: tincan does not wait for a writer.
//
//tincan:runtime
func readGiven(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case fi.Mode()&(os.ModeDevice|os.ModeSocket) != 0 || fi.IsDir():
		return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	b, err := io.ReadAll(io.LimitReader(f, mostGiven+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > mostGiven:
		return nil, &os.PathError{Op: "read", Path: name, Err: fmt.Errorf("the file has more than %d MiB, and that much is not read", mostGiven>>20)}
	case len(b) == 0 && fi.Mode()&os.ModeNamedPipe != 0:
		return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("this FIFO is empty, and no program has it open for writing")}
	}
	return b, nil
}

// Section first: the time from just before the fork to the first instruction of the command.

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// firstInstruction measures the section.
func firstInstruction(b *bench) (*table, error) {
	t := &table{Title: fmt.Sprintf("Time to the command's first instruction: medians of %d runs, interleaved", *rounds),
		Columns: []column{{"ms", 2}, {colQ1, 2}, {colQ3, 2}, {colOfBwrap, 2}, {colOfFloor, 2}}}
	if b.noGCC != "" {
		t.absent("all", b.noGCC)
		return t, nil
	}
	all := b.contenders("/bin/first")
	here := present(all)
	took := map[*contender][]float64{}
	err := interleave(len(here), *rounds, *warmUp, func(i int) (func(), error) {
		c := here[i]
		d, err := c.untilFirst()
		if err != nil {
			err = fmt.Errorf("%s: %w", c.name, err)
		}
		return func() { took[c] = append(took[c], milliseconds(d)) }, err
	})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.absent != "" {
			t.absent(c.name, c.absent)
			continue
		}
		v := took[c]
		t.add(c.name, median(v), quantile(v, 0.25), quantile(v, 0.75), ratio(v, took[named(all, nameBwrap)]), ratio(v, took[named(all, floorOf(c.name))]))
	}
	t.note("the command is a static program without a C library, whose first call reads the clock (CLOCK_MONOTONIC)")
	return t, nil
}

// untilFirst runs a command that writes the time of its first instruction, and returns how long
// that took.
func (c *contender) untilFirst() (time.Duration, error) {
	pid, begin, out, err := c.startTimed(c.line(0), nullDevice)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	first, readErr := firstTime(out)
	if _, err := waitFor(pid); err != nil {
		return 0, err
	}
	return first - begin, readErr
}

// startTimed starts a command line whose standard output is a pipe. begin is the time just before.
func (c *contender) startTimed(line []string, stdin *os.File) (pid int, begin time.Duration, out *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, 0, nil, err
	}
	defer w.Close()
	var now unix.Timespec
	in, to, null := stdin.Fd(), w.Fd(), nullDevice.Fd()
	if err = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		pid, err = c.start(line, in, to, null)
	}
	if err != nil {
		r.Close()
	}
	return pid, time.Duration(now.Nano()), r, err
}

// firstTime reads the struct timespec that first.c writes.
func firstTime(out io.Reader) (time.Duration, error) {
	var ts struct{ Sec, Nsec int64 }
	if err := binary.Read(out, binary.NativeEndian, &ts); err != nil {
		return 0, fmt.Errorf("the command did not write when it began: %w", err)
	}
	return time.Duration(ts.Sec)*time.Second + time.Duration(ts.Nsec), nil
}

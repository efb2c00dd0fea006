// Single runs of a command, and rounds of them.
//
// wait4(2), getrusage(2), vfork(2).

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// contender is one way to run a command in a container. In argv, {N} stands for a number that no
// other run of the contender has at the same time.
type contender struct {
	name   string
	argv   []string
	files  []string // opened for each run, from descriptor 3 on
	absent string   // why it is not measured
	user   int      // the user who starts it, if not root
	single bool     // only one at a time, because a second one would have the same name
}

// unique is replaced by the number of a run.
const unique = "{N}"

// line returns the command line of run n.
func (c *contender) line(n int) []string {
	out := make([]string, len(c.argv))
	for i, a := range c.argv {
		out[i] = strings.ReplaceAll(a, unique, strconv.Itoa(n))
	}
	return out
}

// sample is the cost of one run, with all descendants that were waited for.
type sample struct {
	wall   time.Duration
	cpu    time.Duration // user and system time
	faults int64         // page faults that read nothing from a disk
}

// series is the cost of the runs of one contender, in the order of the rounds.
type series struct {
	wall, cpu []float64 // milliseconds
	faults    []float64
}

// start starts a command line without the overhead of os/exec, with three descriptors and in a new
// session, so that no contender finds a terminal.
func (c *contender) start(line []string, stdin, stdout, stderr uintptr) (pid int, err error) {
	attr := &syscall.ProcAttr{Env: environment, Files: []uintptr{stdin, stdout, stderr}, Sys: c.as()}
	if c.files != nil {
		files, err := c.open()
		if err != nil {
			return 0, err
		}
		defer closeFiles(files)
		for _, f := range files {
			attr.Files = append(attr.Files, f.Fd())
		}
	}
	return syscall.ForkExec(line[0], line, attr)
}

// as returns the attributes with which the contender's processes are started.
func (c *contender) as() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if c.user != 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(c.user), Gid: uint32(c.user)}
	}
	return attr
}

// environment is the environment of every contender: that of a shell, without the variables of
// make.
var environment = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "TERM=dumb"}

// open opens the files for one run. Each run needs new ones, because a contender reads them to the
// end.
func (c *contender) open() (files []*os.File, err error) {
	for _, name := range c.files {
		f, err := os.Open(name)
		if err != nil {
			closeFiles(files)
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// closeFiles closes the files.
func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// once runs a command line to its end.
func (c *contender) once(line []string) (sample, error) {
	null := nullDevice.Fd()
	begin := time.Now()
	pid, err := c.start(line, null, null, null)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", line[0], err)
	}
	usage, err := waitFor(pid)
	s := sample{wall: time.Since(begin)}
	if err != nil {
		return s, fmt.Errorf("%s: %w", c.name, err)
	}
	s.cpu = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	s.faults = usage.Minflt
	return s, nil
}

// waitFor waits until a child ends. A status other than 0 is an error.
func waitFor(pid int) (unix.Rusage, error) {
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		_, err := unix.Wait4(pid, &status, 0, &usage)
		if err == unix.EINTR {
			continue
		}
		if err == nil && (!status.Exited() || status.ExitStatus() != 0) {
			err = fmt.Errorf("status %#x", uint32(status))
		}
		return usage, err
	}
}

// trial returns why the contender cannot be measured, or "".
func (c *contender) trial() string {
	if c.absent != "" {
		return c.absent
	}
	path, err := exec.LookPath(c.argv[0])
	if err != nil {
		return "not installed"
	}
	c.argv[0] = path
	line := c.line(0)
	probe := command(line...)
	probe.SysProcAttr = c.as()
	if probe.ExtraFiles, err = c.open(); err != nil {
		return err.Error()
	}
	defer closeFiles(probe.ExtraFiles)
	if out, err := probe.CombinedOutput(); err != nil {
		return fmt.Sprintf("fails: %v: %s", err, oneLine(string(out)))
	}
	return ""
}

// race measures whole runs, interleaved. The result has no entry for other contenders.
func race(all []*contender, rounds int) (map[*contender]series, error) {
	took := map[*contender]series{}
	err := interleave(len(all), rounds, min(*warmUp, rounds), func(i int) (func(), error) {
		c := all[i]
		s, err := c.once(c.line(0))
		return func() {
			r := took[c]
			r.wall = append(r.wall, milliseconds(s.wall))
			r.cpu = append(r.cpu, milliseconds(s.cpu))
			r.faults = append(r.faults, float64(s.faults))
			took[c] = r
		}, err
	})
	return took, err
}

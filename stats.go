// Chapter 14: what a run has used and which limits it has hit, for --stats and for the lines at
// the end.
//
// cgroup-v2.rst (memory.events, memory.peak, pids.events, pids.peak), getrusage(2).

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// counters are the group's counters. -1 means that this kernel does not have the counter.
type counters struct {
	oomHits    int64 // version 2: how often the memory limit was reached and nothing could be freed
	oomKilled  int64 // processes killed because memory ran out, in this group or in a group above it
	oomGroup   int64 // how often the whole group was killed (memory.oom.group), in Linux 5.17 and newer
	pidsHit    int64 // forks refused
	memoryPeak int64 // bytes
	pidsPeak   int64
}

// readCounters reads the group's files before the group is removed. It reads the peaks only if
// they are asked for. name is the name of the group.
func (g *group) readCounters(name string, peaks bool) counters {
	c := counters{-1, -1, -1, -1, -1, -1}
	if g.none {
		return c
	}
	memory, pids := text(g.parentOf("memory"), "/", name), text(g.parentOf("pids"), "/", name)
	events, peak := "/memory.oom_control", "/memory.max_usage_in_bytes"
	if g.v2 {
		memory = text(g.parentOf(""), "/", name)
		pids, events, peak = memory, "/memory.events", "/memory.peak"
	}
	memoryEvents, _ := readFile(text(memory, events))
	pidsEvents, _ := readFile(text(pids, "/pids.events"))
	c.oomHits = keyOf(memoryEvents, "oom")
	c.oomKilled = keyOf(memoryEvents, "oom_kill")
	c.oomGroup = keyOf(memoryEvents, "oom_group_kill")
	c.pidsHit = keyOf(pidsEvents, "max")
	if peaks {
		c.memoryPeak = readKey(text(memory, peak), "")
		c.pidsPeak = readKey(text(pids, "/pids.peak"), "")
	}
	return c
}

// readKey is keyOf for the text of a file.
func readKey(file, key string) int64 {
	content, _ := readFile(file)
	return keyOf(content, key)
}

// keyOf returns the number after a key in a flat-keyed text, or the only number of the text if
// the key is "". It returns -1 if there is none.
func keyOf(content, key string) int64 {
	for rest := content; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		name, value, two := cut(trimmed(line), " ")
		if !two {
			name, value = "", name
		}
		if name == key {
			if n, valid := number(value); valid && n <= math.MaxInt64 {
				return int64(n)
			}
		}
	}
	return -1
}

// oomElsewhere reports whether memory ran out although the container's own limit was not
// reached: at the limit of a systemd unit around it, for instance, or because the machine has no
// more. Version 1 does not distinguish these cases.
func (k *counters) oomElsewhere() bool { return k.oomKilled > 0 && k.oomHits == 0 }

// memoryHit returns the number of processes that were killed at the container's own limit, for
// the report.
func (k *counters) memoryHit() int64 {
	if k.oomElsewhere() {
		return 0
	}
	return k.oomKilled
}

// notes returns the lines about limits that were hit, which are printed at the end.
func (k *counters) notes(g *group) []string {
	var out []string
	if k.oomElsewhere() {
		out = add(out, text("out of memory: the kernel killed processes of the container although it was below its own limit of ", g.shown("memory"), ": a group above it, or the machine, has no memory left"))
	} else if k.oomGroup > 0 {
		// Not oom_kill: in this case the kernel counts the first victim twice (mm/oom_kill.c).
		out = add(out, text("out of memory: the kernel killed the whole container at its limit of ", g.shown("memory"), "; --memory raises it"))
	} else if k.oomKilled > 0 {
		out = add(out, text("out of memory: the kernel killed ", plural(int(k.oomKilled), "process"), " at the container's limit of ", g.shown("memory"), "; --memory raises it"))
	}
	if k.pidsHit > 0 {
		out = add(out, text("too many processes: ", plural(int(k.pidsHit), "fork"), " refused at the container's limit of ", g.shown("pids"), "; --pids raises it"))
	}
	return out
}

// shown returns the value of a controller's limit, for messages.
func (g *group) shown(controller string) string {
	for i := range g.files {
		f := &g.files[i]
		if rest, is := cutPrefix(f.file, controller); is && (rest == ".max" || rest == ".limit_in_bytes") {
			if controller == "memory" {
				return sizeText(f.text)
			}
			return f.text
		}
	}
	return "?"
}

// statsReport is the report of --stats. Times are in seconds and sizes in bytes; null means that
// the value is not known.
type statsReport struct {
	Status     int             `json:"status"`
	Signal     *string         `json:"signal"`
	TimedOut   bool            `json:"timed_out"`
	OOMKilled  bool            `json:"oom_killed"`
	Wall       float64         `json:"wall_seconds"`
	User       float64         `json:"user_seconds"`
	System     float64         `json:"system_seconds"`
	MemoryPeak *int64          `json:"memory_peak_bytes"`
	PidsPeak   *int64          `json:"pids_peak"`
	LimitsHit  statsLimitsHits `json:"limits_hit"`
}

// statsLimitsHits counts how often each limit was hit.
type statsLimitsHits struct {
	Memory *int64 `json:"memory"` // processes killed
	Pids   *int64 `json:"pids"`   // forks refused
}

// statsFile is the file for the report. It is opened before anything runs.
type statsFile struct {
	fd, dir int
	name    string
	made    bool // it did not exist before
}

// openStats opens the file of --stats, or returns nil without the flag.
func openStats(name string) (*statsFile, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return keep(statsFile{fd: 2}), nil
	}
	parent := "."
	if i := lastIndexByte(name, '/'); i >= 0 {
		parent = name[:i+1]
	}
	dir, e := sysOpen(parent, unix.O_PATH|unix.O_DIRECTORY, 0)
	made, fd := false, -1
	if e == 0 {
		var st unix.Stat_t
		made = sysFstatat(dir, baseName(name), &st, unix.AT_SYMLINK_NOFOLLOW) != 0
		if fd, e = sysOpenat(dir, baseName(name), unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644); e != 0 {
			sysClose(dir)
		}
	}
	if e != 0 {
		return nil, fault(func() error {
			if e == unix.ELOOP || e == unix.ENXIO {
				return fmt.Errorf("--stats=%s: this is a symlink, a FIFO or a socket; the report can be written only to a regular file, or to standard error with -", name)
			}
			return fmt.Errorf("--stats=%s: %w", name, &os.PathError{Op: "open", Path: name, Err: e})
		})
	}
	var st unix.Stat_t
	if e := sysFstat(fd, &st); e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		sysClose(fd)
		sysClose(dir)
		return nil, fault(func() error {
			return fmt.Errorf("--stats=%s: not a regular file; use - to write the report to standard error", name)
		})
	}
	return keep(statsFile{fd, dir, name, made}), nil
}

// discard is called if the command did not run, so that there is nothing to report. The file is
// removed from the directory in which it was made, whatever has that directory's name by now.
func (s *statsFile) discard() {
	if s == nil || s.fd == 2 {
		return
	}
	var st, now unix.Stat_t
	if s.made && sysFstat(s.fd, &st) == 0 && sysFstatat(s.dir, baseName(s.name), &now, unix.AT_SYMLINK_NOFOLLOW) == 0 && st.Dev == now.Dev && st.Ino == now.Ino {
		sysUnlinkat(s.dir, baseName(s.name), 0)
	}
	sysClose(s.fd)
	sysClose(s.dir)
}

// write writes the report.
func (s *statsFile) write(e *ending) error {
	if s == nil {
		return nil
	}
	known := func(n int64) *int64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	seconds := func(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	r := statsReport{
		Status:     e.exitStatus(),
		TimedOut:   e.timedOut,
		OOMKilled:  e.group.oomKilled > 0,
		Wall:       time.Duration(e.wall).Round(time.Microsecond).Seconds(),
		User:       seconds(e.usage.Utime),
		System:     seconds(e.usage.Stime),
		MemoryPeak: known(e.group.memoryPeak),
		PidsPeak:   known(e.group.pidsPeak),
		LimitsHit:  statsLimitsHits{known(e.group.memoryHit()), known(e.group.pidsHit)},
	}
	if e.status.Signaled() {
		n := signalName(e.status.Signal())
		r.Signal = &n
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if s.fd != 2 {
		if err := unix.Ftruncate(s.fd, 0); err != nil && err != unix.EINVAL {
			return err
		}
	}
	if _, e := sysWrite(s.fd, string(append(b, '\n'))); e != 0 {
		return fmt.Errorf("--stats: %w", &os.PathError{Op: "write", Path: s.name, Err: e})
	}
	return nil
}

// ending says how the command ended.
type ending struct {
	status   unix.WaitStatus // the command's status
	timedOut bool
	wall     int64       // nanoseconds
	usage    unix.Rusage // of all processes of the container
	group    counters
}

// exitStatus returns the exit status for the launcher: the command's own, or 128 and the number
// of the signal.
func (e *ending) exitStatus() int {
	const signal, status = 0x7f, 8 // wait(2): the low seven bits, and the bits from 8 on
	switch w := int(e.status); {
	case e.timedOut:
		return statusTimedOut
	case w&signal != 0:
		return 128 + w&signal
	default:
		return w >> status & 0xff
	}
}

// statusText returns how a process ended, for messages.
func statusText(w unix.WaitStatus) string {
	if w.Signaled() {
		return "signal " + signalName(w.Signal())
	}
	return fmt.Sprintf("exit status %d", w.ExitStatus())
}

// What a run has used, and which limits it hit: --stats and the lines at the end.
//
// cgroup-v2.rst (memory.events, memory.peak, pids.events, pids.peak), getrusage(2).

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// counters are what the group has counted. -1 is "this kernel does not say".
type counters struct {
	oomHits    int64 // how often the memory limit was reached and nothing could be freed, on version 2
	oomKilled  int64 // processes killed because memory ran out, here or in a group above
	oomGroup   int64 // how often that was the whole group (memory.oom.group), in Linux 5.17 and newer
	pidsHit    int64 // forks refused
	memoryPeak int64 // bytes
	pidsPeak   int64
}

// readCounters reads the group's files, before the group goes; the peaks only if somebody
// wants to know them.
func (g *group) readCounters(peaks bool) counters {
	c := counters{-1, -1, -1, -1, -1, -1}
	if g.none {
		return c
	}
	memory, pids := filepath.Join(g.parentOf("memory"), g.name), filepath.Join(g.parentOf("pids"), g.name)
	events, peak := "memory.oom_control", "memory.max_usage_in_bytes"
	if g.v2 {
		memory = filepath.Join(g.parentOf(""), g.name)
		pids, events, peak = memory, "memory.events", "memory.peak"
	}
	memoryEvents, _ := readFile(filepath.Join(memory, events))
	pidsEvents, _ := readFile(filepath.Join(pids, "pids.events"))
	c.oomHits = keyOf(memoryEvents, "oom")
	c.oomKilled = keyOf(memoryEvents, "oom_kill")
	c.oomGroup = keyOf(memoryEvents, "oom_group_kill")
	c.pidsHit = keyOf(pidsEvents, "max")
	if peaks {
		c.memoryPeak = readKey(filepath.Join(memory, peak), "")
		c.pidsPeak = readKey(filepath.Join(pids, "pids.peak"), "")
	}
	return c
}

// readKey is keyOf for a file.
func readKey(file, key string) int64 {
	text, _ := readFile(file)
	return keyOf(text, key)
}

// keyOf gives the number after a key of a flat-keyed text, or the text's only number for
// the key "".
func keyOf(text, key string) int64 {
	for line := range strings.SplitSeq(text, "\n") {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			name, value = "", name
		}
		if name == key {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// oomElsewhere: not the container's own limit was reached, but that of a unit of systemd's
// around it, for instance, or the machine's end. Version 1 does not tell them apart.
func (k counters) oomElsewhere() bool { return k.oomKilled > 0 && k.oomHits == 0 }

// memoryHit is for the report: processes killed at the container's own limit.
func (k counters) memoryHit() int64 {
	if k.oomElsewhere() {
		return 0
	}
	return k.oomKilled
}

// notes are the lines at the end about limits that were hit.
func (k counters) notes(e *ending, c *config) []string {
	var out []string
	if k.oomElsewhere() {
		out = append(out, fmt.Sprintf("out of memory: the kernel killed processes of the container, which was below its own limit of %s: a group above it, or the machine, has no more", c.group.shown("memory")))
	} else if k.oomGroup > 0 {
		// Not oom_kill: the kernel counts its first victim twice there (mm/oom_kill.c).
		out = append(out, fmt.Sprintf("out of memory: the kernel killed the whole container at its limit of %s; --memory raises it", c.group.shown("memory")))
	} else if k.oomKilled > 0 {
		out = append(out, fmt.Sprintf("out of memory: the kernel killed %s at the container's limit of %s; --memory raises it",
			plural(int(k.oomKilled), "process"), c.group.shown("memory")))
	}
	if k.pidsHit > 0 {
		out = append(out, fmt.Sprintf("too many processes: %s refused at the container's limit of %s; --pids raises it",
			plural(int(k.pidsHit), "fork"), c.group.shown("pids")))
	}
	return out
}

// shown is the value of a controller's limit, for a person.
func (g *group) shown(controller string) string {
	for _, f := range g.files {
		if strings.HasPrefix(f.file, controller+".") && (strings.HasSuffix(f.file, ".max") || strings.HasSuffix(f.file, ".limit_in_bytes")) {
			if controller == "memory" {
				return sizeText(f.text)
			}
			return f.text
		}
	}
	return "?"
}

// sizeText gives bytes as a person writes them: 1GiB, 512MiB, 1000.
func sizeText(s string) string {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return s
	}
	for _, u := range []string{"", "KiB", "MiB", "GiB"} {
		if n%1024 != 0 || n == 0 || u == "GiB" {
			return fmt.Sprintf("%d%s", n, u)
		}
		n /= 1024
	}
	return s
}

// report of --stats. Times are in seconds, sizes in bytes; null is "not known".
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

// statsFile is where the report goes. It is opened before anything runs.
type statsFile struct {
	f    *os.File
	made bool // it was not there before
}

func openStats(name string) (*statsFile, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return &statsFile{f: os.Stderr}, nil
	}
	made := !exists(name)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--stats=%s: %w", name, err)
	}
	return &statsFile{f: f, made: made}, nil
}

// discard: the command did not run, and there is nothing to report.
func (s *statsFile) discard() {
	if s != nil && s.made {
		os.Remove(s.f.Name())
	}
}

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
		Wall:       e.wall.Round(time.Microsecond).Seconds(),
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
	if s.f != os.Stderr {
		if err := s.f.Truncate(0); err != nil && errnoOf(err) != unix.EINVAL {
			return err
		}
	}
	if _, err := s.f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("--stats: %w", err)
	}
	return nil
}

// The memory of a launcher and of the processes below it, from /proc.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is the memory of a process, in KiB.
type memory struct{ rss, private, pss, own int64 }

// add adds the memory of another process.
func (m *memory) add(o memory) {
	m.rss += o.rss
	m.private += o.private
	m.pss += o.pss
	m.own += o.own
}

// process is what /proc/PID/stat says about a process.
type process struct {
	parent int
	name   string
}

// memoryOf returns the memory of the launchers, and that of the processes below them other than the
// command, which are their inits.
func memoryOf(launchers []int, command string) (launcher, init memory, err error) {
	all, err := processes()
	if err != nil {
		return launcher, init, err
	}
	is := map[int]bool{}
	for _, pid := range launchers {
		is[pid] = true
		m, err := memoryOfProcess(pid)
		if err != nil {
			return launcher, init, err
		}
		launcher.add(m)
	}
	for pid, p := range all {
		if is[pid] || p.name == command || !below(all, pid, is) {
			continue
		}
		m, err := memoryOfProcess(pid)
		if err != nil {
			return launcher, init, err
		}
		init.add(m)
	}
	return launcher, init, nil
}

// below reports whether a process is a descendant of one of the launchers.
func below(all map[int]process, pid int, launchers map[int]bool) bool {
	for range len(all) {
		p, ok := all[pid]
		if !ok {
			return false
		}
		if launchers[p.parent] {
			return true
		}
		pid = p.parent
	}
	return false
}

// processes returns all processes.
func processes() (map[int]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
		fields := strings.Fields(string(b[end+1:]))
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, err
		}
		all[pid] = process{parent, string(b[open+1 : end])}
	}
	return all, nil
}

// memoryOfProcess returns the memory of one process.
func memoryOfProcess(pid int) (memory, error) {
	v, err := sizes(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	return memory{rss: v["Rss"], private: v["Private_Clean"] + v["Private_Dirty"], pss: v["Pss"], own: v["Pss_Anon"]}, nil
}

// available returns how much memory the machine has left, in KiB.
func available() (int64, error) {
	v, err := sizes("/proc/meminfo")
	if err == nil && v["MemAvailable"] == 0 {
		err = errors.New("/proc/meminfo has no MemAvailable")
	}
	return v["MemAvailable"], err
}

// sizes reads a file with lines of the form "Name: N kB".
func sizes(file string) (map[string]int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	v := map[string]int64{}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		if f := strings.Fields(rest); len(f) == 2 && f[1] == "kB" {
			if v[name], err = strconv.ParseInt(f[0], 10, 64); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// Chapter 14: the limits of the resource group, as given on the command line.
//
// cgroups(7). The values have the notation of the flags; cgroupfs.go and cgroupv1.go translate
// them for the kernel.
//
// Differs from the tutorial: the tutorial has three limits, with fixed values.

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// limit is one value of the resource group.
type limit struct {
	value uint64
	max   bool // no limit
	asked bool // the user asked for it, so the run fails if it cannot be set
}

// text returns the limit as version 2 writes it.
func (l *limit) text() string {
	if l.max {
		return "max"
	}
	return unsigned(l.value)
}

// limits holds the limits of the group from the command line.
type limits struct {
	memory, swap limit // bytes; swap is in addition to memory
	pids         limit // processes and threads, including the init
	cpuWeight    limit // 1 to 10000; other groups have 100
	cpus         limit // thousandths of a processor
	ioWeight     limit // 1 to 10000; other groups have 100
}

// limitKind is the notation of a limit's value.
type limitKind uint8

const (
	isSize limitKind = iota
	isPids
	isWeight
	isCPUs
)

// limitFlags are the flags of the group's limits, with their defaults.
var limitFlags = [...]struct {
	flag, standard string
	kind           limitKind
}{
	{"--memory", "1GiB", isSize},
	{"--swap", "0", isSize},
	{"--pids", "64", isPids},
	{"--cpu-weight", "25", isWeight},
	{"--cpus", "max", isCPUs},
	{"--io-weight", "10", isWeight},
}

// all returns the limits in the order of limitFlags.
func (l *limits) all() [len(limitFlags)]*limit {
	return [...]*limit{&l.memory, &l.swap, &l.pids, &l.cpuWeight, &l.cpus, &l.ioWeight}
}

// parse reads a value of flag number i of limitFlags. "" stands for the default.
func (v *limit) parse(i int, value string) error {
	row := &limitFlags[i]
	v.asked = value != ""
	if !v.asked {
		value = row.standard
	}
	if v.max = value == "max" && row.kind != isWeight; v.max {
		return nil
	}
	var err error
	switch row.kind {
	case isSize:
		v.value, err = parseSize(value)
	case isPids:
		v.value, err = parsePids(value)
	case isWeight:
		v.value, err = parseWeight(value)
	case isCPUs:
		v.value, err = parseCPUs(value)
	}
	if err != nil {
		return fault(func() error { return fmt.Errorf("%s=%s: %w", row.flag, value, err) })
	}
	return nil
}

// setLimits reads the flags of the resource group, and plans the group.
func (c *config) setLimits(f *runFlags) error {
	l := one[limits]()
	all := l.all()
	for i, value := range [...]string{f.Memory, f.Swap, f.Pids, f.CPUWeight, f.CPUs, f.IOWeight} {
		if err := all[i].parse(i, value); err != nil {
			return err
		}
		if f.NoCgroup && all[i].asked {
			return fault(func() error {
				return fmt.Errorf("%s=%s: with --no-cgroup there is no resource group for this limit: leave one of the two flags out", limitFlags[i].flag, value)
			})
		}
	}
	if !l.memory.max && l.memory.value == 0 {
		return fault(func() error { return errors.New("--memory=0: nothing can run without memory; max means no limit") })
	}
	if f.NoCgroup {
		c.group.none = true
		return nil
	}
	var err error
	if c.rootless.on {
		c.group, err = userGroup(c.hostname, l)
	} else {
		c.group, err = findGroup(c.hostname, l)
	}
	return err
}

// asked lists the limits that the user asked for.
func (l *limits) asked() []string {
	var out []string
	for i, v := range l.all() {
		if v.asked {
			out = add(out, limitFlags[i].flag)
		}
	}
	return out
}

// parsePids parses a number of processes.
func parsePids(s string) (uint64, error) {
	n, valid := number(s)
	if !valid || n == 0 || n > 4194304 { // PID_MAX_LIMIT, linux/threads.h
		return 0, fault(func() error { return errors.New("not a number of processes: 1 to 4194304, or max") })
	}
	return n, nil
}

// parseWeight parses a weight in the scale of version 2.
func parseWeight(s string) (uint64, error) {
	n, valid := number(s)
	if !valid || n < 1 || n > 10000 {
		return 0, fault(func() error { return errors.New("not a weight: 1 to 10000, where 100 is the weight of other groups") })
	}
	return n, nil
}

// parseCPUs returns thousandths of a processor. Reading a fraction needs the runtime.
func parseCPUs(s string) (n uint64, err error) {
	if n, valid := number(s); valid && n > 0 && n <= 10000 {
		return n * 1000, nil
	}
	err = fault(func() error {
		v, e := strconv.ParseFloat(s, 64)
		if e != nil || v < 0.01 || v > 10000 || math.IsNaN(v) {
			return errors.New("not a number of processors: 0.01 to 10000, such as 1.5, or max")
		}
		n = uint64(math.Round(v * 1000))
		return nil
	})
	return n, err
}

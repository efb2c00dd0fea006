// Section filter: what a system call costs under a filter.

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// filterCost measures the section.
func filterCost(b *bench) (*table, error) {
	t := &table{Title: "A system call under a filter: nanoseconds, medians"}
	if b.noGCC != "" {
		t.absent("all", b.noGCC)
		return t, nil
	}
	profiles := []string{"none", "default", b.moby}
	many := 300_000
	if *quick {
		many = 1000
	}
	var calls []string
	costs := make([]map[string][]float64, len(profiles))
	for i := range costs {
		costs[i] = map[string][]float64{}
	}
	err := interleave(len(profiles), scaled(9), min(*warmUp, 1), func(i int) (func(), error) {
		cmd := command(b.tincan, "run", "--no-cgroup", "--seccomp="+profiles[i], "-m", b.root, "--", "/bin/calls", strconv.Itoa(many))
		out, err := cmd.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("under %s: %w: %s", profiles[i], err, oneLine(string(out)))
		}
		took := map[string]float64{}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) != 2 {
				continue // a warning about the profile
			}
			ns, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				continue
			}
			if !slices.Contains(calls, f[0]) {
				calls = append(calls, f[0])
			}
			took[f[0]] = ns
		}
		return func() {
			for c, ns := range took {
				costs[i][c] = append(costs[i][c], ns)
			}
		}, nil
	})
	if err != nil {
		return nil, err
	}
	t.Columns = []column{{"none", 0}, {"default", 0}, {"adds", 0}, {"moby", 0}, {"adds", 0}}
	for _, c := range calls {
		none := median(costs[0][c])
		v := []figure{none}
		for i := range profiles[1:] {
			m := median(costs[i+1][c])
			v = append(v, m, m-none)
		}
		t.add(c, v...)
	}
	t.note("getppid and close are allowed with any arguments, which the kernel knows without running the filter; for ioctl and fchmod the default looks")
	t.note("at an argument, for personality moby's does; both refuse keyctl")
	return t, nil
}

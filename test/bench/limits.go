// Section limits: what a container may use of the machine, however fast the machine is.
//
// getrusage(2), proc(5): smaps_rollup, task.

package main

import (
	"fmt"
	"slices"
)

// The limits that tincan has to keep.
const (
	mostFaults  = 130
	mostThreads = 1
	mostPrivate = 400 // KiB
)

// limits measures the section.
func limits(b *bench) (*table, error) {
	runs := max(scaled(20), *rounds/10)
	t := &table{Title: "What a container uses, and how much it may use", Columns: []column{{"value", 0}, {"limit", 0}}}
	all := present(b.trues, nameTincan, nameBare, nameFloor, nameBareBase, nameBwrap)
	took, err := race(all, runs)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		limit := missing
		if c.name == nameTincan || c.name == nameBare {
			limit = mostFaults
		}
		t.add("page faults of /bin/true, "+c.name, median(took[c].faults), limit)
	}
	sleeper := b.sleeper()
	if sleeper.absent != "" {
		t.absent("asleep", sleeper.absent)
		return t, nil
	}
	for _, n := range slices.Compact([]int{1, *most}) {
		k, err := b.crowd(sleeper, n)
		if err != nil {
			return nil, err
		}
		who := ""
		if n > 1 {
			who = fmt.Sprintf(", each of %d", n)
		}
		t.add("threads of a launcher that waits"+who, figure(k.threads), mostThreads)
		t.add("KiB of private memory of launcher and init"+who, k.private(), mostPrivate)
	}
	t.note("faults: those of the whole run, launcher, init and command (wait4's ru_minflt), medians of %d runs; threads: of the launcher with the most;", runs)
	t.note("private: Private_Clean + Private_Dirty of smaps_rollup, with pages of the binary if no other process runs it")
	return t, nil
}

// Section where: what the wall time of one run is spent on, in tincan and in the
// floor, in pieces of 50 microseconds and more.

package main

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

const (
	whereRounds = 40 // a round is two runs under perf, and their records read
	whereLeast  = 50 // microseconds: what is less is summed up
)

func whereItGoes(b *bench) (*table, error) {
	runs := min(*rounds, whereRounds)
	t := &table{
		Title:   fmt.Sprintf("Where the time goes: microseconds, medians of %d runs under perf", runs),
		Columns: []column{{"begins", 0}, {"tincan", 0}, {"faults", 0}, {"floor", 0}, {"its faults", 0}, {"more", 0}},
	}
	if _, err := exec.LookPath("perf"); err != nil {
		t.absent("all", "not here: perf (apt-get install linux-perf)")
		return t, nil
	}
	names, err := callNames()
	if err != nil {
		t.absent("all", oneLine(err.Error()))
		return t, nil
	}
	var both [2]breakdown
	found := present(b.trues, nameTincan, nameFloor)
	if len(found) != len(both) {
		t.absent("all", "tincan and the floor are needed, and one is absent")
		return t, nil
	}
	for k, c := range found {
		both[k].argv = c.line(0)
	}
	for range runs {
		for k := range both {
			if err := both[k].another(b.workshop, names); err != nil {
				t.absent("all", oneLine(err.Error()))
				return t, nil
			}
		}
	}
	tincan, floor := both[0].medians(), both[1].medians()
	var less [2]map[string]item
	less[0], less[1] = map[string]item{}, map[string]item{}
	keys := slices.SortedFunc(maps.Keys(tincan), func(x, y string) int { return int(tincan[x].begin - tincan[y].begin) })
	for key := range floor {
		if _, ok := tincan[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		v, f := tincan[key], floor[key]
		if v.us >= whereLeast || f.us >= whereLeast {
			t.add(key, figure(v.begin), figure(v.us), figure(v.faults), figure(f.us), figure(f.faults), figure(v.us-f.us))
			continue
		}
		who, _, _ := strings.Cut(key, ":")
		for k, i := range []item{v, f} {
			sum := less[k][who]
			sum.us, sum.faults = sum.us+i.us, sum.faults+i.faults
			less[k][who] = sum
		}
	}
	for _, who := range []string{"launcher", "init", "command"} {
		v, f := less[0][who], less[1][who]
		t.add(fmt.Sprintf("%s: all that is below %d each", who, whereLeast), missing, figure(v.us), figure(v.faults), figure(f.us), figure(f.faults), figure(v.us-f.us))
	}
	v, f := median(both[0].walls), median(both[1].walls)
	t.add("from execve to the end", missing, v, missing, f, missing, v-f)
	t.note("\"before\" a call: the process's own work, with its page faults; the number: the process's how manieth call of this name")
	t.note("perf makes a run longer: see section true for what it takes without; the caller's fork and execve are not in it")
	return t, nil
}

// breakdown is what is known of a contender's runs.
type breakdown struct {
	argv  []string
	runs  []map[string]item
	walls []float64
}

func (d *breakdown) another(s *workshop, names map[int]string) error {
	events, err := s.record(d.argv)
	if err != nil {
		return err
	}
	items, wall, err := split(events, names)
	if err != nil {
		return err
	}
	d.runs, d.walls = append(d.runs, items), append(d.walls, wall)
	return nil
}

// medians gives each item's median over the runs; a run without it counts as 0.
func (d *breakdown) medians() map[string]item {
	all := map[string]bool{}
	for _, r := range d.runs {
		for key := range r {
			all[key] = true
		}
	}
	out := map[string]item{}
	for key := range all {
		var us, faults, begin []float64
		for _, r := range d.runs {
			i, ok := r[key]
			us, faults = append(us, i.us), append(faults, i.faults)
			if ok {
				begin = append(begin, i.begin)
			}
		}
		out[key] = item{float64(median(begin)), float64(median(us)), float64(median(faults))}
	}
	return out
}

// Section where: what the wall time of a run is spent on, in tincan and in the floor, in parts of
// at least 50 microseconds.

package main

import (
	"cmp"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

const (
	whereRounds = 40 // a round is two runs under perf, whose records are read
	whereLeast  = 50 // microseconds; smaller items are added up
)

// whereItGoes measures the section.
func whereItGoes(b *bench) (*table, error) {
	runs := min(*rounds, whereRounds)
	t := &table{
		Title:   fmt.Sprintf("Where the time goes: microseconds, means of the middle half of %d runs under perf", runs),
		Columns: []column{{"begins", 0}, {"tincan", 0}, {"faults", 1}, {"floor", 0}, {"its faults", 1}, {"more", 0}},
	}
	if _, err := exec.LookPath("perf"); err != nil {
		t.absent("all", "perf is not installed: apt-get install linux-perf")
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
		t.absent("all", "this needs tincan and the floor; one of them is absent")
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
	tincan, wall := both[0].means()
	floor, floorWall := both[1].means()
	var less [2]map[string]item
	less[0], less[1] = map[string]item{}, map[string]item{}
	keys := inOrder(tincan)
	for _, key := range inOrder(floor) {
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
		t.add(fmt.Sprintf("%s: all items below %d", who, whereLeast), missing, figure(v.us), figure(v.faults), figure(f.us), figure(f.faults), figure(v.us-f.us))
	}
	t.add("from execve to the end", missing, figure(wall), missing, figure(floorWall), missing, figure(wall-floorWall))
	t.note("\"before\" a call: what the process does by itself, with its page faults; the number counts the process's calls of this name")
	t.note("perf makes a run longer: the section true has its time without perf; the caller's fork and execve are not included")
	return t, nil
}

// inOrder returns the names of the items, in the order in which they begin.
func inOrder(items map[string]item) []string {
	return slices.SortedFunc(maps.Keys(items), func(x, y string) int { return cmp.Compare(items[x].begin, items[y].begin) })
}

// breakdown has the items of a contender's runs.
type breakdown struct {
	argv  []string
	runs  []map[string]item
	walls []float64
}

// another adds a run.
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

// means returns the mean of each item and of the whole, over the runs whose wall time is in the
// middle half. Medians would not add up, and a mean over all runs would include disturbed ones. An
// item that a run lacks counts as 0.
func (d *breakdown) means() (items map[string]item, wall float64) {
	order := make([]int, len(d.runs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(d.walls[i], d.walls[j]) })
	order = order[len(order)/4 : len(order)-len(order)/4]
	items = map[string]item{}
	seen := map[string]float64{}
	n := float64(len(order))
	for _, i := range order {
		wall += d.walls[i] / n
		for key, v := range d.runs[i] {
			sum := items[key]
			items[key] = item{sum.begin + v.begin, sum.us + v.us/n, sum.faults + v.faults/n}
			seen[key]++
		}
	}
	for key, v := range items {
		v.begin /= seen[key]
		items[key] = v
	}
	return items, wall
}

// Section steps: what each step of the plan costs in the floor.

package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// shown is the number of steps that are listed, the most expensive ones first.
const shown = 30

// stepCosts measures the section.
func stepCosts(b *bench) (*table, error) {
	t := &table{Title: fmt.Sprintf("What the floor's time goes to: microseconds, medians of %d runs", *rounds), Columns: []column{{"us", 1}, {"calls", 0}, {"us each", 1}}}
	args := []string{"-m", b.root, "--hostname=tincan-bench-steps", "--", "/bin/true"}
	steps, err := b.plan(args)
	if err != nil {
		return nil, err
	}
	took, err := b.timedFloor(steps, args)
	if err != nil {
		t.absent("all", oneLine(err.Error()))
		return t, nil
	}
	var chapters []int
	sums, calls := map[int]figure{}, map[int]int{}
	for _, s := range steps {
		if calls[s.Chapter]++; calls[s.Chapter] == 1 {
			chapters = append(chapters, s.Chapter)
		}
		sums[s.Chapter] += took[s.Number]
	}
	slices.Sort(chapters)
	for _, c := range chapters {
		t.add(fmt.Sprintf("the tutorial's step %d", c), sums[c], figure(calls[c]), sums[c]/figure(calls[c]))
	}
	t.add("what is not in the plan", took[0], missing, missing)
	t.add("the launcher's wait for the end", took[len(steps)+1], missing, missing)
	t.add("of it, from the command's execve on", took[len(steps)+2], missing, missing)
	slices.SortStableFunc(steps, func(x, y planStep) int { return cmp.Compare(took[y.Number], took[x.Number]) })
	for _, s := range steps[:min(shown, len(steps))] {
		text := s.Text
		if len(text) > 90 {
			text = text[:90] + "..."
		}
		t.add(fmt.Sprintf("%d %s %s", s.Number, s.Actor, text), took[s.Number], 1, took[s.Number])
	}
	t.note("a fork's time is that of the parent; a step that waits for another process includes its time; the chapters are those of the tutorial")
	return t, nil
}

// timedFloor returns the median of each step, by its number. 0 has the descriptors and the
// handshake, the number after the last step the wait for the end, and the next number the part of
// that wait after the command's execve.
func (s *workshop) timedFloor(steps []planStep, args []string) (map[int]figure, error) {
	dir, err := s.floorSource("timed", steps, args)
	if err != nil {
		return nil, err
	}
	bin, err := s.compile("timed", filepath.Join(dir, "floor.c"), "-DTIMED")
	if err != nil {
		return nil, err
	}
	all := map[int][]float64{}
	err = interleave(1, *rounds, *warmUp, func(int) (func(), error) {
		out, err := command(bin).Output()
		return func() {
			for line := range strings.Lines(string(out)) {
				var number int
				var ns float64
				if n, _ := fmt.Sscan(line, &number, &ns); n == 2 {
					all[number] = append(all[number], ns/1000)
				}
			}
		}, err
	})
	took := map[int]figure{}
	for number, v := range all {
		took[number] = median(v)
	}
	return took, err
}

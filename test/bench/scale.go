// Section scale: what /bin/true in a container takes from start to end, beside containers
// that are asleep.

package main

import (
	"errors"
	"fmt"
	"time"
)

// mostMore is how many percent tincan's runs may grow by more than bwrap's.
const mostMore = 5

// besideSleepers runs tincan and bwrap in the same rounds, beside more and more of tincan's
// containers. What bwrap's runs grow by is the kernel's part: a bwrap leaves nothing that
// another one looks at.
func besideSleepers(b *bench) (t *table, err error) {
	t = &table{Title: fmt.Sprintf("/bin/true beside sleeping containers: the whole process, medians of %d runs, interleaved", *rounds),
		Columns: []column{{"ms", 2}, {"grows %", 1}, {"bwrap ms", 2}, {"grows %", 1}, {"more %", 1}, {"limit", 0}}}
	sleeper := b.sleeper()
	bwrap, ours := named(b.trues, nameBwrap), present(b.trues, nameTincan, nameBare)
	here := append(present(b.trues, nameBwrap), ours...)
	if sleeper.absent != "" || len(here) == len(ours) || len(ours) == 0 {
		t.absent("all", "tincan, bwrap and a command that sleeps are needed, and one is absent. "+sleeper.absent)
		return t, nil
	}
	h, err := hold()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.end()) }()
	var first map[*contender]series
	for _, n := range scaleSizes() {
		begin := time.Now()
		if err := h.upTo(sleeper, n); err != nil {
			return nil, err
		}
		progress("%d are asleep, after %.0f s more", n, time.Since(begin).Seconds())
		took, err := race(here, *rounds)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = took
		}
		growth := func(c *contender) figure { return (ratio(took[c].wall, first[c].wall) - 1) * 100 }
		for _, c := range ours {
			name := fmt.Sprintf("%d asleep, %s", n, c.name)
			if n == 0 {
				t.add(name, median(took[c].wall), missing, median(took[bwrap].wall), missing, missing, missing)
				continue
			}
			t.add(name, median(took[c].wall), growth(c), median(took[bwrap].wall), growth(bwrap), growth(c)-growth(bwrap), mostMore)
		}
	}
	t.note("asleep: containers of `tincan run` with a group, whose command waits; grows: compared with none asleep;")
	t.note("more: by how many percent of its own time tincan grows, less bwrap's")
	return t, nil
}

// scaleSizes are how many are asleep, up to -most.
func scaleSizes() []int {
	if *most < 100 {
		return []int{0, *most}
	}
	return sizesUpTo(0, 100, 300, 1000)
}

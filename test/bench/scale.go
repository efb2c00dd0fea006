// Section scale: how long /bin/true in a container takes while other containers sleep.

package main

import (
	"errors"
	"fmt"
	"time"
)

// mostMore is by how many percentage points tincan's time may grow more than bwrap's.
const mostMore = 5

// besideSleepers measures the section. It runs tincan and bwrap in the same rounds, beside more and
// more of tincan's containers. The growth of bwrap's time is the kernel's part, because a bwrap
// leaves nothing that another one reads.
func besideSleepers(b *bench) (t *table, err error) {
	t = &table{Title: fmt.Sprintf("/bin/true beside sleeping containers: the whole process, medians of %d runs, interleaved", *rounds),
		Columns: []column{{"ms", 2}, {"grows %", 1}, {"bwrap ms", 2}, {"grows %", 1}, {"more %", 1}, {"limit", 0}}}
	sleeper := b.sleeper()
	bwrap, ours := named(b.trues, nameBwrap), present(b.trues, nameTincan, nameBare)
	here := append(present(b.trues, nameBwrap), ours...)
	if sleeper.absent != "" || len(here) == len(ours) || len(ours) == 0 {
		t.absent("all", "this needs tincan, bwrap and a command that sleeps; one of them is absent. "+sleeper.absent)
		return t, nil
	}
	h, err := hold()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.end()) }()
	first, err := race(here, *rounds)
	if err != nil {
		return nil, err
	}
	for _, c := range ours {
		t.add("none asleep, "+c.name, median(first[c].wall), missing, median(first[bwrap].wall), missing, missing, missing)
	}
	compare := func(what string, limit figure) error {
		took, err := race(here, *rounds)
		growth := func(c *contender) figure { return (ratio(took[c].wall, first[c].wall) - 1) * 100 }
		for _, c := range ours {
			t.add(what+c.name, median(took[c].wall), growth(c), median(took[bwrap].wall), growth(bwrap), growth(c)-growth(bwrap), limit)
		}
		return err
	}
	for _, n := range scaleSizes() {
		begin := time.Now()
		if err := h.upTo(sleeper, n); err != nil {
			return nil, err
		}
		progress("%d are asleep, after %.0f s more", n, time.Since(begin).Seconds())
		if err := compare(fmt.Sprintf("%d asleep, ", n), mostMore); err != nil {
			return nil, err
		}
	}
	if err := h.end(); err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(scaled(5)) * time.Second) // the kernel removes their network namespaces meanwhile
	if err := compare("none again, ", missing); err != nil {
		return nil, err
	}
	t.note("asleep: containers of `tincan run` with a group, whose command waits; grows: compared with none asleep;")
	t.note("more: tincan's growth minus bwrap's; none again: after all have ended, which shows how exact the other rows are")
	return t, nil
}

// scaleSizes returns the numbers of sleeping containers, up to -most.
func scaleSizes() []int {
	if *most < 100 {
		return []int{*most}
	}
	return sizesUpTo(100, 300, 1000)
}

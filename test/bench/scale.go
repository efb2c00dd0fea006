// Section scale: how long /bin/true in a container takes while other containers sleep.

package main

import (
	"errors"
	"fmt"
	"time"
)

// mostMore is by how much tincan's time may grow beyond the growth of bwrap's, in percent of tincan's
// time when no container sleeps.
const mostMore = 5

// besideSleepers measures the section. It runs tincan and bwrap in the same rounds, beside more and
// more of tincan's containers. The growth of bwrap's time is the kernel's part, because a bwrap
// leaves nothing that another one reads. It is compared in milliseconds: the kernel adds about as
// much to either run, and in percent that is more of the shorter one.
func besideSleepers(b *bench) (t *table, err error) {
	t = &table{Title: fmt.Sprintf("/bin/true beside sleeping containers: the whole process, medians of %d runs, interleaved", *rounds),
		Columns: []column{{"ms", 2}, {"grows ms", 2}, {"bwrap ms", 2}, {"grows ms", 2}, {"beyond %", 1}, {"limit", 0}}}
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
		growth := func(c *contender) figure { return median(took[c].wall) - median(first[c].wall) }
		for _, c := range ours {
			beyond := (growth(c) - growth(bwrap)) / median(first[c].wall) * 100
			t.add(what+c.name, median(took[c].wall), growth(c), median(took[bwrap].wall), growth(bwrap), beyond, limit)
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
	t.note("beyond: tincan's growth minus bwrap's, in percent of tincan's time when none is asleep; none again: after all have ended, which shows how exact the other rows are")
	return t, nil
}

// scaleSizes returns the numbers of sleeping containers, up to -most.
func scaleSizes() []int {
	if *most < 100 {
		return []int{*most}
	}
	return sizesUpTo(100, 300, 1000)
}

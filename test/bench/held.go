// Section memory: containers that sleep, many at once.
//
// proc(5): smaps_rollup, statm, meminfo.

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// held are containers whose commands sleep until their common standard input ends:
// when end closes it, or when this process dies.
type held struct {
	in, keep *os.File // the reading and the writing end
	pids     []int
	starts   []float64 // milliseconds to the first instruction
}

func hold() (*held, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &held{in: r, keep: w}, nil
}

func (h *held) start(c *contender, n int) error {
	pid, begin, out, err := c.startTimed(c.line(n), h.in)
	if err != nil {
		return err
	}
	defer out.Close()
	h.pids = append(h.pids, pid)
	if err := out.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	first, err := firstTime(out)
	h.starts = append(h.starts, milliseconds(first-begin))
	return err
}

// end ends them all and waits for the launchers.
func (h *held) end() error {
	h.keep.Close()
	h.in.Close()
	var errs error
	for _, pid := range h.pids {
		_, err := waitFor(pid)
		errs = errors.Join(errs, err)
	}
	return errs
}

// crowds are how many at once, for whom. The others' launchers are too large for a
// thousand.
func crowds() []struct {
	many  int
	names []string
} {
	few := []string{nameTincan, nameBare, nameBareBase, nameBwrap, nameRunc, nameRunc + noLimits, "crun" + noLimits, "unshare"}
	return []struct {
		many  int
		names []string
	}{
		{1, few},
		{min(100, *most), few},
		{*most, []string{nameTincan, nameBare, nameBareBase, nameBwrap}},
	}
}

const ends = 20 // starts that are looked at, of the first and of the last

func heldContainers(b *bench) (*table, error) {
	t := &table{Title: "Memory of the launcher and the init while the command sleeps: MiB for each container",
		Columns: []column{{"launcher RSS", 2}, {"private", 2}, {"init RSS", 2}, {"private", 2}, {"both private", 3}, {"its own", 3}, {"share (PSS)", 3}, {"machine", 2},
			{"first starts ms", 2}, {"last starts ms", 2}, {"last of first", 2}}}
	if b.noGCC != "" {
		t.absent("all", b.noGCC)
		return t, nil
	}
	all := b.contenders("/bin/hold")
	last := 0
	for _, crowd := range crowds() {
		if crowd.many <= last {
			continue
		}
		last = crowd.many
		for _, c := range present(all, crowd.names...) {
			if c.single && crowd.many > 1 {
				continue
			}
			begin := time.Now()
			values, err := b.crowd(c, crowd.many)
			progress("%d of %s, from first to last: %.0f s", crowd.many, c.name, time.Since(begin).Seconds())
			if err != nil {
				return nil, fmt.Errorf("%d of %s: %w", crowd.many, c.name, err)
			}
			t.add(fmt.Sprintf("%d %s", crowd.many, c.name), values...)
		}
	}
	t.note("private: pages that no other process has (Private_Clean + Private_Dirty of smaps_rollup), with those of the binary if nobody else runs it;")
	t.note("its own: memory of no file (Pss_Anon), also what launcher and init share; share: its part of everything; both are of launcher and init together;")
	t.note("machine: what MemAvailable has fallen by, with the kernel's own memory and the command's; starts: time to the first instruction, medians of %d", ends)
	return t, nil
}

// crowd starts many containers one after the other, looks at them, and ends them.
func (b *bench) crowd(c *contender, many int) (values []figure, err error) {
	h, err := hold()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.end()) }()
	before, err := available()
	if err != nil {
		return nil, err
	}
	for i := range many {
		if err := h.start(c, i); err != nil {
			return nil, fmt.Errorf("container %d: %w", i+1, err)
		}
	}
	time.Sleep(time.Second) // until nobody's launcher does anything more; tincan's gives its program's pages back
	after, err := available()
	if err != nil {
		return nil, err
	}
	launcher, init, err := memoryOf(h.pids, "hold")
	if err != nil {
		return nil, err
	}
	per := func(kib int64) figure { return figure(float64(kib) / 1024 / float64(many)) }
	values = []figure{per(launcher.rss), per(launcher.private), per(init.rss), per(init.private),
		per(launcher.private + init.private), per(launcher.own + init.own), per(launcher.pss + init.pss), per(before - after)}
	if many < 10*ends {
		return append(values, median(h.starts), missing, missing), nil
	}
	first, last := h.starts[:ends], slices.Clone(h.starts[many-ends:])
	return append(values, median(first), median(last), median(last)/median(first)), nil
}

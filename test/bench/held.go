// Section memory: the memory of containers that sleep, many at a time.
//
// proc(5): smaps_rollup, statm, meminfo.

package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// held are containers whose commands sleep until their shared standard input ends, because end
// closes it or this process ends.
type held struct {
	in, keep *os.File // the pipe's two ends
	pids     []int
	starts   []float64 // milliseconds to the first instruction
}

// hold returns an empty set of such containers.
func hold() (*held, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &held{in: r, keep: w}, nil
}

// start starts one more container, and waits for its command's first instruction.
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

// upTo starts containers until there are many, and waits until their launchers are idle.
func (h *held) upTo(c *contender, many int) error {
	if len(h.pids) == many {
		return nil
	}
	for len(h.pids) < many {
		if err := h.start(c, len(h.pids)); err != nil {
			return fmt.Errorf("container %d: %w", len(h.pids)+1, err)
		}
	}
	time.Sleep(time.Second) // the launchers give back pages meanwhile
	return nil
}

// end ends all containers and waits for the launchers. A second call does nothing.
func (h *held) end() error {
	h.keep.Close()
	h.in.Close()
	var errs error
	for _, pid := range h.pids {
		_, err := waitFor(pid)
		errs = errors.Join(errs, err)
	}
	h.pids = nil
	return errs
}

// sleeper returns a container with a resource group, whose command sleeps.
func (b *bench) sleeper() *contender {
	c := &contender{name: nameTincan, argv: []string{b.tincan, "run", "-m", b.root, "--", "/bin/hold"}, absent: b.noGCC}
	c.absent = c.trial()
	return c
}

// crowds returns how many containers are measured at a time, and which contenders. The other
// contenders' launchers are too large for a thousand.
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

const ends = 20 // the number of first and of last starts whose medians are shown

// heldContainers measures the section.
func heldContainers(b *bench) (*table, error) {
	t := &table{Title: "Memory of the launcher and the init while the command sleeps: MiB for each container",
		Columns: []column{{"launcher RSS", 2}, {"private", 2}, {"init RSS", 2}, {"private", 2}, {"both private", 3}, {"its own", 3}, {"share (PSS)", 3}, {"machine", 2}, {"threads", 0},
			{"first starts ms", 2}, {"last starts ms", 2}, {"last of first", 2}}}
	if b.noGCC != "" {
		t.absent("all", b.noGCC)
		return t, nil
	}
	all := b.contenders("/bin/hold")
	last := 0
	for _, size := range crowds() {
		if size.many <= last {
			continue
		}
		last = size.many
		for _, c := range present(all, size.names...) {
			if c.single && size.many > 1 {
				continue
			}
			k, err := b.crowd(c, size.many)
			if err != nil {
				return nil, err
			}
			t.add(fmt.Sprintf("%d %s", size.many, c.name), k.values()...)
		}
	}
	t.note("private: pages that no other process has (Private_Clean + Private_Dirty of smaps_rollup), among them the binary's if no other process runs it;")
	t.note("its own: memory without a file (Pss_Anon), also what launcher and init share; share: its part of everything; both are sums of launcher and init;")
	t.note("machine: by how much MemAvailable has fallen, with the kernel's own memory and the command's; threads: the launcher's; starts: time to the first instruction, medians of %d", ends)
	return t, nil
}

// crowd is what was measured of many containers whose commands sleep.
type crowd struct {
	many           int
	launcher, init memory // sums over all containers
	threads        int    // of the launcher with the most
	fell           int64  // by how much MemAvailable fell, in KiB
	starts         []float64
}

// crowd starts many containers one after the other, measures them, and ends them.
func (b *bench) crowd(c *contender, many int) (k *crowd, err error) {
	begin := time.Now()
	defer func() {
		progress("%d of %s, from first to last: %.0f s", many, c.name, time.Since(begin).Seconds())
		if err != nil {
			err = fmt.Errorf("%d of %s: %w", many, c.name, err)
		}
	}()
	h, err := hold()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.end()) }()
	before, err := available()
	if err != nil {
		return nil, err
	}
	if err := h.upTo(c, many); err != nil {
		return nil, err
	}
	after, err := available()
	if err != nil {
		return nil, err
	}
	k = &crowd{many: many, fell: before - after, starts: h.starts}
	if k.launcher, k.init, err = memoryOf(h.pids, "hold"); err != nil {
		return nil, err
	}
	for _, pid := range h.pids {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return nil, err
		}
		k.threads = max(k.threads, len(threads))
	}
	return k, nil
}

// private returns the private memory of a launcher and its init, in KiB.
func (k *crowd) private() figure {
	return figure(k.launcher.private+k.init.private) / figure(k.many)
}

// values returns the figures for a row of the section.
func (k *crowd) values() []figure {
	per := func(kib int64) figure { return figure(kib) / 1024 / figure(k.many) }
	l, i := k.launcher, k.init
	v := []figure{per(l.rss), per(l.private), per(i.rss), per(i.private), k.private() / 1024, per(l.own + i.own), per(l.pss + i.pss), per(k.fell), figure(k.threads)}
	if k.many < 10*ends {
		return append(v, median(k.starts), missing, missing)
	}
	first, last := median(k.starts[:ends]), median(k.starts[k.many-ends:])
	return append(v, first, last, last/first)
}

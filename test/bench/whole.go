// Section true: the whole process that runs /bin/true.

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Columns that the chart reads.
const (
	colWall    = "wall ms"
	colQ1      = "q1"
	colQ3      = "q3"
	colOfBwrap = "of bwrap"
	colOfRunc  = "of runc"
	colOfFloor = "of floor"
)

// wholeRuns measures the section.
func wholeRuns(b *bench) (*table, error) {
	t := &table{Title: fmt.Sprintf("/bin/true of a static busybox: the whole process, medians of %d runs, interleaved", *rounds),
		Columns: []column{{colWall, 2}, {colQ1, 2}, {colQ3, 2}, {"user+sys ms", 2}, {"faults", 0}, {"peak MiB", 2},
			{colOfBwrap, 2}, {"(q1", 2}, {"q3)", 2}, {colOfRunc, 3}, {colOfFloor, 2}, {"(q1", 2}, {"q3)", 2}}}
	all := present(b.trues)
	took, err := race(all, *rounds)
	if err != nil {
		return nil, err
	}
	bwrap, runc := took[named(b.trues, nameBwrap)].wall, took[named(b.trues, nameRunc)].wall
	for _, c := range b.trues {
		if c.absent != "" {
			t.absent(c.name, c.absent)
			continue
		}
		peak, err := b.peak(c)
		if err != nil {
			return nil, err
		}
		w := took[c].wall
		floor := took[named(b.trues, floorOf(c.name))].wall
		b1, b3 := spread(w, bwrap)
		f1, f3 := spread(w, floor)
		t.add(c.name, median(w), quantile(w, 0.25), quantile(w, 0.75), median(took[c].cpu), median(took[c].faults), peak,
			ratio(w, bwrap), b1, b3, ratio(w, runc), ratio(w, floor), f1, f3)
	}
	t.note("ratios: those of the medians; in brackets the quartiles of the ratios of single rounds")
	t.note("floor: the floor of the same plan (with a group, except for those named --no-cgroup and %q)", strings.TrimPrefix(noLimits, ", "))
	t.note("user+sys, faults (of pages): those of the process and of its descendants that were waited for; peak: resident memory of the largest process")
	t.note("these do less: unshare (no ids, no /dev, no limits, no filter, all capabilities), bwrap (no limits, no filter, all capabilities inside;")
	t.note("the second row has tincan's filter and capabilities), firejail (the host's own tree: Debian's refuses --chroot)")
	return t, nil
}

// floorOf returns the name of the floor with which a contender is compared.
func floorOf(name string) string {
	if name == nameBare || name == nameBareBase || strings.HasSuffix(name, noLimits) || strings.HasPrefix(name, "bwrap") || name == "unshare" {
		return nameBareBase
	}
	return nameFloor
}

// peak returns the median of the peak resident memory of a few runs, in MiB.
func (b *bench) peak(c *contender) (figure, error) {
	if b.noGCC != "" {
		return missing, nil
	}
	var v []float64
	for range scaled(7) {
		cmd := command(append([]string{b.dir + "/peak"}, c.line(0)...)...)
		files, err := c.open()
		if err != nil {
			return missing, err
		}
		cmd.ExtraFiles = files
		out, err := cmd.Output()
		closeFiles(files)
		if err != nil {
			return missing, fmt.Errorf("%s: %w", c.name, err)
		}
		n, err := strconv.Atoi(string(bytes.TrimSpace(out)))
		if err != nil {
			return missing, err
		}
		v = append(v, float64(n)/1024)
	}
	return median(v), nil
}

// Section parallel: how many containers can be run per second, with several at a time.

package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// slot is how long each contender is measured at a time.
func slot() time.Duration {
	if *quick {
		return 50 * time.Millisecond
	}
	return 700 * time.Millisecond
}

// inParallel measures the section.
func inParallel(b *bench) (*table, error) {
	levels := []int{1, 2, 8, 64}
	if *quick {
		levels = levels[:2]
	}
	t := &table{Title: "/bin/true in containers: how many per second, with several at a time"}
	for _, l := range levels {
		t.Columns = append(t.Columns, column{fmt.Sprintf("%d at once", l), 0})
	}
	all := present(b.trues, nameTincan, nameBare, nameBareBase, nameBwrap, "unshare", nameRunc, nameRunc+noLimits, "crun", "crun"+noLimits)
	rates := make([]map[*contender][]float64, len(levels))
	for i := range rates {
		rates[i] = map[*contender][]float64{}
	}
	err := interleave(len(all)*len(levels), scaled(4), 0, func(i int) (func(), error) {
		c, level := all[i%len(all)], i/len(all)
		r, err := c.rate(levels[level])
		return func() { rates[level][c] = append(rates[level][c], r) }, err
	})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		var v []figure
		for level := range levels {
			v = append(v, median(rates[level][c]))
		}
		t.add(c.name, v...)
	}
	t.note("medians of %d times %v each", scaled(4), slot())
	return t, nil
}

// rate runs the contender over and over, many at a time, and returns the number of runs per second.
func (c *contender) rate(many int) (float64, error) {
	var done, next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, many)
	begin := time.Now()
	for i := range many {
		wait.Go(func() {
			for first := true; errs[i] == nil && (first || time.Since(begin) < slot()); first = false {
				if _, errs[i] = c.once(c.line(int(next.Add(1)))); errs[i] == nil {
					done.Add(1)
				}
			}
		})
	}
	wait.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), errors.Join(errs...)
}

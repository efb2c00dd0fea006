// Rounds of measurements, and how they are repeated if something disturbs them.
//
// proc_stat(5), getrusage(2).
//
// Other programs often run during a benchmark. /proc/stat shows how much they use the processors in
// user mode, if the time of the benchmark and of its children is subtracted. What the kernel does
// on its own, such as removing namespaces, is system time, and counts as the benchmark's. A few
// measurements at a time are checked, and are made again if something else ran meanwhile, for as
// long as -patience allows.

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of /proc/stat: USER_HZ is 100 on all architectures here.
const tick = 10 * time.Millisecond

// batch is how long measurements are checked together: many ticks.
const batch = 200 * time.Millisecond

// watch is the time that a section may still wait, and the number of its measurements.
type watch struct {
	patience  time.Duration
	repeated  int // measurements that were made again
	disturbed int // measurements that count, although something else ran
	counted   int
}

// watching is the watch of the current section.
var watching watch

// notAlone begins the note about disturbed measurements.
const notAlone = "not alone"

// note adds a note about disturbed measurements to the table.
func (w *watch) note(t *table) {
	if w.repeated+w.disturbed > 0 {
		t.note(notAlone+": %d measurements were made again because something else ran, and %d of the %d that count were disturbed", w.repeated, w.disturbed, w.counted)
	}
}

// glance is the use of the processors at a moment.
type glance struct {
	at     time.Time
	others time.Duration // user time of all other processes so far
}

// look returns the present state.
func look() (glance, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return glance{}, err
	}
	f := strings.Fields(string(b)) // cpu USER NICE ...
	var sum time.Duration
	for _, s := range f[1:3] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return glance{}, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			return glance{}, err
		}
		sum -= time.Duration(u.Utime.Nano())
	}
	return glance{time.Now(), sum}, nil
}

// busy reports whether other programs have run since: for more than a tenth of one processor, and
// more than the error of the ticks.
func (g glance) busy() (bool, error) {
	now, err := look()
	return now.others-g.others > max(3*tick, now.at.Sub(g.at)/10), err
}

// wait waits until nothing else runs.
func (w *watch) wait() error {
	for w.patience > 0 {
		g, err := look()
		if err != nil {
			return err
		}
		time.Sleep(batch)
		w.patience -= batch
		if busy, err := g.busy(); err != nil || !busy {
			return err
		}
	}
	return nil
}

// interleave calls f for each of n things in each round, in a random order that differs between
// rounds. f returns a function that records its measurement, which is called if the measurement
// counts.
func interleave(n, rounds, warmUp int, f func(i int) (note func(), err error)) error {
	w := &watching
	for r := range warmUp + rounds {
		for todo := rand.Perm(n); len(todo) > 0; {
			g, err := look()
			if err != nil {
				return err
			}
			var notes []func()
			for len(notes) < len(todo) && time.Since(g.at) < batch {
				note, err := f(todo[len(notes)])
				if err != nil {
					return fmt.Errorf("round %d: %w", r, err)
				}
				notes = append(notes, note)
			}
			busy, err := g.busy()
			if err != nil {
				return err
			}
			if busy && w.patience > 0 {
				w.repeated += len(notes)
				w.patience -= time.Since(g.at)
				if err := w.wait(); err != nil {
					return err
				}
				continue
			}
			todo = todo[len(notes):]
			if r < warmUp {
				continue
			}
			w.counted += len(notes)
			if busy {
				w.disturbed += len(notes)
			}
			for _, note := range notes {
				note()
			}
		}
	}
	return nil
}

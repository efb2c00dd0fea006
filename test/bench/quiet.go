// Rounds, and what disturbs them.
//
// proc_stat(5), getrusage(2).
//
// A machine is seldom alone with a benchmark. What other programs take of the processors
// in user mode shows in /proc/stat, less the benchmark's own and its children's; what the
// kernel does behind the benchmark's back, such as taking namespaces down, is system
// time and counts as the benchmark's. A few measurements at a time are looked at, and are
// made again if something else ran meanwhile, as long as the patience lasts.

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

// ticks are what /proc/stat counts in: USER_HZ is 100 on every architecture here.
const tick = 10 * time.Millisecond

// batch is how long measurements are looked at together: many ticks.
const batch = 200 * time.Millisecond

// watch is the patience that a section has left, and what became of it.
type watch struct {
	patience  time.Duration
	repeated  int // measurements that were made again
	disturbed int // measurements that count, though something else ran
	counted   int
}

var watching watch

const notAlone = "not alone"

func (w *watch) note(t *table) {
	if w.repeated+w.disturbed > 0 {
		t.note(notAlone+": %d measurements were made again because something else ran, and %d of the %d that count were disturbed", w.repeated, w.disturbed, w.counted)
	}
}

// glance is a moment's state.
type glance struct {
	at     time.Time
	others time.Duration // user time of everybody else so far
}

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

// busy is whether others ran since: more than a tenth of one processor, and than
// ticks can be wrong by.
func (g glance) busy() (bool, error) {
	now, err := look()
	return now.others-g.others > max(3*tick, now.at.Sub(g.at)/10), err
}

// wait waits for a quiet moment.
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

// interleave calls f for each of n things in each round, in an order that is drawn
// anew for each. What f measures it gives as a function that notes it down, which is
// called if the measurement counts.
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

// One run under perf(1): all system calls and page faults of the launcher, the init and the
// command, with their times, and what the wall time was spent on.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// tracepoints are the kernel's tracepoints that are recorded.
var tracepoints = []string{
	"raw_syscalls:sys_enter", "raw_syscalls:sys_exit", "exceptions:page_fault_user",
	"sched:sched_process_exec", "sched:sched_process_fork", "sched:sched_process_exit",
}

// item is a part of a run's wall time: a system call, or what a process does by itself before a
// call.
type item struct {
	begin, us float64 // in microseconds; begin counts from the program's execve
	faults    float64
}

// event is a line of perf script.
type event struct {
	tid  int
	at   float64
	kind string // the tracepoint's own name, without its group
	rest string
}

// record runs the program under perf and returns its events, in the order of time.
func (s *workshop) record(argv []string) (events []event, err error) {
	data := filepath.Join(s.dir, "perf.data")
	args := []string{"perf", "record", "-q", "-o", data}
	for _, t := range tracepoints {
		args = append(args, "-e", t)
	}
	cmd := command(append(append(args, "--"), argv...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("perf record: %w: %s", err, oneLine(string(out)))
	}
	out, err := exec.Command("perf", "script", "-i", data, "-F", "tid,time,event,trace").Output()
	if err != nil {
		return nil, fmt.Errorf("perf script: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		m := perfLine.FindStringSubmatch(lines.Text())
		if m == nil {
			return nil, fmt.Errorf("perf script: %q is not an event in the expected form", lines.Text())
		}
		tid, _ := strconv.Atoi(m[1])
		at, _ := strconv.ParseFloat(m[2], 64)
		events = append(events, event{tid, at * 1e6, m[3], m[4]})
	}
	return events, nil
}

// perfLine matches "  123 12345.678901: raw_syscalls:sys_enter: NR 0 (...)".
var perfLine = regexp.MustCompile(`^\s*(\d+)\s+(\d+\.\d+):\s+\w+:(\w+):\s?(.*)$`)

var (
	callNumber = regexp.MustCompile(`^NR (\d+)`)
	childTID   = regexp.MustCompile(`child_pid=(\d+)`)
)

// actor is one of the three processes, which work one after the other.
type actor struct {
	name    string
	rank    int    // the actor with the highest rank counts when several run: the command, then the init
	call    string // the call that it is in, or ""
	entered float64
	gap     item // what it has done by itself since its last call
	nth     map[string]int
}

// key names the actor's present call.
func (a *actor) key() string {
	return fmt.Sprintf("%s: %s %d", a.name, a.call, a.nth[a.call])
}

// waits are the calls in which a process only waits for another one.
var waits = map[string]bool{"read": true, "ppoll": true, "poll": true, "wait4": true, "rt_sigtimedwait": true, "futex": true}

// split attributes each microsecond between execve and the end to one item. If several processes
// run at the same time, the last one in the chain counts. If all wait, the one that began to wait
// last counts (its "read" may read a file).
func split(events []event, names map[int]string) (items map[string]item, wall float64, err error) {
	items = map[string]item{}
	actors := map[int]*actor{}
	var now *actor
	var begin, last float64
	spend := func(us float64) {
		if now == nil {
			return
		}
		if now.call == "" {
			if now.gap.us == 0 {
				now.gap.begin = last - begin
			}
			now.gap.us += us
			return
		}
		i := items[now.key()]
		if i.us == 0 {
			i.begin = last - begin
		}
		i.us += us
		items[now.key()] = i
	}
	settle := func(a *actor, key string) {
		if a.gap.us > 0 || a.gap.faults > 0 {
			items[key] = a.gap
		}
		a.gap = item{}
	}
	for _, e := range events {
		if len(actors) == 0 {
			if e.kind != "sched_process_exec" {
				continue
			}
			begin, last = e.at, e.at
			now = &actor{name: "launcher", nth: map[string]int{}}
			actors[e.tid] = now
			continue
		}
		a := actors[e.tid]
		if a == nil { // a thread of Go's runtime
			continue
		}
		spend(e.at - last)
		last = e.at
		switch e.kind {
		case "page_fault_user":
			a.gap.faults++
		case "sys_enter":
			n, _ := strconv.Atoi(callNumber.FindStringSubmatch(e.rest)[1])
			a.call, a.entered = names[n], e.at
			a.nth[a.call]++
			settle(a, fmt.Sprintf("%s: before %s %d", a.name, a.call, a.nth[a.call]))
		case "sys_exit":
			a.call = ""
		case "sched_process_fork":
			child, _ := strconv.Atoi(childTID.FindStringSubmatch(e.rest)[1])
			if a.name == "launcher" && a.call == "clone3" {
				actors[child] = &actor{name: "init", rank: 1, nth: map[string]int{}, call: "clone3"}
			} else if a.name == "init" {
				actors[child] = &actor{name: "command", rank: 2, nth: map[string]int{}, call: "clone"}
			}
		case "sched_process_exit":
			settle(a, a.name+": before its end")
			delete(actors, e.tid)
			if a.name == "launcher" {
				return items, e.at - begin, nil
			}
		}
		now = busiest(actors)
	}
	return nil, 0, fmt.Errorf("perf's record lacks the launcher's end (%d events)", len(events))
}

// busiest returns the actor to which the present time is attributed.
func busiest(actors map[int]*actor) (best *actor) {
	for a := range maps.Values(actors) {
		switch {
		case best == nil, waits[best.call] && !waits[a.call]:
			best = a
		case waits[a.call] && !waits[best.call]:
		case waits[a.call] && a.entered > best.entered, !waits[a.call] && a.rank > best.rank:
			best = a
		}
	}
	return best
}

// callNames returns the system calls of this machine by number, from the C library's header.
func callNames() (map[int]string, error) {
	out, err := exec.Command("gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", os.DevNull).Output()
	if err != nil {
		return nil, fmt.Errorf("gcc is not installed (%w)", err)
	}
	names := map[int]string{}
	for line := range strings.Lines(string(out)) {
		var name string
		var n int
		if c, _ := fmt.Sscanf(line, "#define __NR_%s %d", &name, &n); c == 2 {
			names[n] = name
		}
	}
	return names, nil
}

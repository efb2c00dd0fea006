// How the time of a run is attributed.
package main

import (
	"maps"
	"math"
	"testing"
)

// TestSplit checks that each microsecond of an invented run is attributed to the process that made
// the run go on.
func TestSplit(t *testing.T) {
	names := map[int]string{0: "read", 1: "write", 61: "wait4", 435: "clone3", 56: "clone", 59: "execve", 231: "exit_group"}
	const launcher, thread, init, command = 10, 11, 12, 13
	events := []event{
		{9, 0, "sys_enter", "NR 0 (0, 0, 0, 0, 0, 0)"}, // perf itself
		{launcher, 100, "sched_process_exec", "filename=./tincan pid=10 old_pid=10"},
		{launcher, 105, "sys_exit", "NR 59 = 0"},
		{launcher, 120, "page_fault_user", "address=0x1 ip=0x1 error_code=0x14"},
		{launcher, 130, "sys_enter", "NR 56 (0, 0, 0, 0, 0, 0)"},
		{launcher, 140, "sched_process_fork", "comm=tincan pid=10 child_comm=tincan child_pid=11"}, // a thread
		{launcher, 150, "sys_exit", "NR 56 = 11"},
		{thread, 155, "sys_enter", "NR 0 (0, 0, 0, 0, 0, 0)"},
		{launcher, 160, "sys_enter", "NR 435 (0, 0, 0, 0, 0, 0)"},
		{launcher, 200, "sched_process_fork", "comm=tincan pid=10 child_comm=tincan child_pid=12"},
		{init, 210, "sys_exit", "NR 435 = 0"},
		{launcher, 215, "sys_exit", "NR 435 = 12"},
		{launcher, 218, "sys_enter", "NR 0 (0, 0, 0, 0, 0, 0)"}, // waits for the child
		{init, 240, "page_fault_user", "address=0x1 ip=0x1 error_code=0x14"},
		{init, 250, "sys_enter", "NR 1 (0, 0, 0, 0, 0, 0)"},
		{init, 254, "sys_exit", "NR 1 = 1"},
		{init, 255, "sys_enter", "NR 0 (0, 0, 0, 0, 0, 0)"}, // waits for the launcher
		{launcher, 257, "sys_exit", "NR 0 = 1"},
		{launcher, 270, "sys_enter", "NR 0 (0, 0, 0, 0, 0, 0)"}, // of a file
		{launcher, 290, "sys_exit", "NR 0 = 900"},
		{launcher, 295, "sys_enter", "NR 1 (0, 0, 0, 0, 0, 0)"},
		{init, 298, "sys_exit", "NR 0 = 1"},
		{launcher, 299, "sys_exit", "NR 1 = 1"},
		{launcher, 300, "sys_enter", "NR 61 (0, 0, 0, 0, 0, 0)"},
		{init, 310, "sys_enter", "NR 56 (0, 0, 0, 0, 0, 0)"},
		{init, 330, "sched_process_fork", "comm=init pid=12 child_comm=init child_pid=13"},
		{command, 340, "sys_exit", "NR 56 = 0"},
		{init, 341, "sys_exit", "NR 56 = 2"},
		{init, 345, "sys_enter", "NR 61 (0, 0, 0, 0, 0, 0)"},
		{command, 400, "sys_enter", "NR 231 (0, 0, 0, 0, 0, 0)"},
		{command, 410, "sched_process_exit", "comm=true pid=13"},
		{init, 430, "sys_exit", "NR 61 = 2"},
		{init, 440, "sched_process_exit", "comm=init pid=12"},
		{launcher, 470, "sys_exit", "NR 61 = 12"},
		{launcher, 480, "sched_process_exit", "comm=tincan pid=10"},
	}
	got, wall, err := split(events, names)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]item{
		"launcher: before clone 1":     {0, 30, 1},
		"launcher: clone 1":            {30, 20, 0},
		"launcher: before clone3 1":    {50, 10, 0},
		"launcher: clone3 1":           {60, 40, 0},
		"init: clone3 0":               {100, 10, 0},
		"init: before write 1":         {110, 40, 1},
		"init: write 1":                {150, 4, 0},
		"init: before read 1":          {154, 1, 0},
		"init: read 1":                 {155, 2, 0},
		"launcher: before read 2":      {157, 13, 0},
		"launcher: read 2":             {170, 20, 0},
		"launcher: before write 1":     {190, 5, 0},
		"launcher: write 1":            {195, 3, 0},
		"init: before clone 1":         {198, 12, 0},
		"init: clone 1":                {210, 20, 0},
		"command: clone 0":             {230, 10, 0},
		"command: before exit_group 1": {240, 60, 0},
		"command: exit_group 1":        {300, 10, 0},
		"init: wait4 1":                {310, 20, 0},
		"init: before its end":         {330, 10, 0},
		"launcher: wait4 1":            {340, 30, 0},
		"launcher: before its end":     {370, 10, 0},
	}
	if !maps.Equal(got, want) {
		for key := range want {
			if got[key] != want[key] {
				t.Errorf("%s: %v, want %v", key, got[key], want[key])
			}
			delete(got, key)
		}
		t.Errorf("these items are not wanted: %v", got)
	}
	sum := 0.0
	for _, i := range want {
		sum += i.us
	}
	if wall != 380 || math.Abs(sum-wall) > 1e-6 {
		t.Errorf("the whole is %v us, the sum of the items %v", wall, sum)
	}
	if _, _, err := split(events[:len(events)-1], names); err == nil {
		t.Error("a record without the launcher's end is not an error")
	}
}

// TestMeans checks that the items add up to the whole, and that a disturbed run does not count.
func TestMeans(t *testing.T) {
	d := breakdown{walls: []float64{30, 1000, 10, 34}}
	for _, wall := range d.walls {
		d.runs = append(d.runs, map[string]item{"a": {0, wall - 4, 1}, "b": {wall - 4, 4, 2}})
	}
	delete(d.runs[3], "b")
	items, wall := d.means()
	want := map[string]item{"a": {0, 28, 1}, "b": {26, 2, 1}}
	if wall != 32 || !maps.Equal(items, want) {
		t.Errorf("%v, the whole is %v; want %v and 32", items, wall, want)
	}
}

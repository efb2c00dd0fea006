// Section record: what recording a command costs, compared with running it and with strace.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// recordedWork are programs that start others, look at files, write a little and compute a little.
var recordedWork = []struct{ name, interpreter, script string }{
	{"bash", "bash", `for i in $(seq 40); do x=$(echo $i | tr 0-9 a-j); [ -e /etc/passwd ] && cat /etc/passwd >/dev/null; done
`},
	{"python", "/usr/bin/python3", `import json, os, subprocess, tempfile
for i in range(200):
    for f in os.listdir("/usr/bin")[:20]:
        os.stat("/usr/bin/" + f)
    with tempfile.NamedTemporaryFile() as t:
        t.write(json.dumps(list(range(200))).encode())
        t.flush()
for i in range(10):
    subprocess.run(["true"])
`},
}

// recordCost measures the section.
func recordCost(b *bench) (*table, error) {
	rounds := max(1, *rounds/10)
	t := &table{Title: fmt.Sprintf("A recording: ms, medians of %d runs, interleaved", rounds),
		Columns: []column{{"no container", 1}, {"run", 1}, {"record", 1}, {"of run", 2}, {"--minimal", 1}, {"--files", 1}, {"strace -f -c", 1}, {"record of it", 2}, {"--minimal", 2}}}
	for _, work := range recordedWork {
		file := filepath.Join(b.dir, work.name+"-work")
		if err := os.WriteFile(file, []byte(work.script), 0o644); err != nil {
			return nil, err
		}
		bare := []string{work.interpreter, file}
		inside := []string{"-a", file + ":/tmp/work:ro", "--", work.interpreter, "/tmp/work"}
		out := filepath.Join(b.dir, work.name+".json")
		all := []*contender{
			{name: "no container", argv: bare},
			{name: "run", argv: append([]string{b.tincan, "run"}, inside...)},
			{name: "record", argv: append([]string{b.tincan, "record", "-o", out}, inside...)},
			{name: "--minimal", argv: append([]string{b.tincan, "record", "--minimal", "-o", out}, inside...)},
			{name: "--files", argv: append([]string{b.tincan, "record", "--files", "-o", out}, inside...)},
			{name: "strace", argv: slices.Concat([]string{"strace", "-f", "-c", "-o", "/dev/null"}, bare)},
		}
		missing := ""
		for _, c := range all {
			if why := c.trial(); why != "" {
				missing = c.name + ": " + why
			}
		}
		if missing != "" {
			t.absent(work.name, missing)
			continue
		}
		took, err := race(all, rounds)
		if err != nil {
			return nil, err
		}
		m := func(i int) figure { return median(took[all[i]].wall) }
		t.add(work.name, m(0), m(1), m(2), m(2)/m(1), m(3), m(4), m(5), m(2)/m(5), m(3)/m(5))
	}
	t.note("required: record takes at most 2 times as long as run, and at most 0.3 of strace -f -c of the same work without a container")
	return t, nil
}

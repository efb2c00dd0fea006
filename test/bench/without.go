// Section without: what each part of a container costs, measured by leaving it out.

package main

import (
	"fmt"
	"slices"
	"strings"
)

// without measures the section.
func without(b *bench) (*table, error) {
	t := &table{Title: fmt.Sprintf("/bin/true without a part of the container: ms, medians of %d runs, interleaved", *rounds),
		Columns: []column{{"tincan", 2}, {"less", 2}, {"floor", 2}, {"less", 2}}}
	all := [][]string{nil, {"--no-cgroup"}, {"--net=host"}, {"--no-init"}, {"--seccomp=none"}, {"--cap-add=ALL"},
		{"--no-cgroup", "--net=host", "--no-init", "--seccomp=none", "--cap-add=ALL"}}
	var here []*contender
	for _, flags := range all {
		c := &contender{name: "tincan", argv: slices.Concat([]string{b.tincan, "run"}, flags, []string{"-m", b.root, "--", "/bin/true"})}
		f := b.floorContender("floor", b.root, "/bin/true", flags...)
		for _, c := range []*contender{c, f} {
			c.absent = c.trial()
		}
		here = append(here, c, f)
	}
	took, err := race(present(here), *rounds)
	if err != nil {
		return nil, err
	}
	tincan, floor := median(took[here[0]].wall), median(took[here[1]].wall)
	for i, flags := range all {
		name := strings.Join(flags, " ")
		if name == "" {
			name = "everything"
		}
		c, f := median(took[here[2*i]].wall), median(took[here[2*i+1]].wall)
		t.add(name, c, tincan-c, f, floor-f)
		for _, c := range here[2*i : 2*i+2] {
			if c.absent != "" {
				t.note("%s %s: %s", c.name, name, c.absent)
			}
		}
	}
	return t, nil
}

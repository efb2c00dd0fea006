// Section starts: the ratios that tincan has to reach, all from the same rounds.

package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// target is a ratio of two contenders' times, with what is required and what is aimed at.
type target struct {
	name          string
	tool, beside  *contender
	required, aim figure
}

// starts measures the section.
func starts(b *bench) (*table, error) { return b.withGrant(b.starts) }

// starts measures the section, in a namespace in which the user has ids unless lacks says why not.
func (b *bench) starts(lacks string) (*table, error) {
	docker := b.dockerProfile()
	root := func(name string) *contender { return named(b.trues, name) }
	users := b.userContenders(lacks)
	user := func(name string) *contender { return named(users, name) }
	targets := []target{
		{"root, with a group, of bwrap", root(nameTincan), root(nameBwrap), 0.75, 0.65},
		{"root, without a group, of bwrap", root(nameBare), root(nameBwrap), 0.65, 0.57},
		{"root, under Docker's profile, compiled, of bwrap", docker, root(nameBwrap), 0.80, 0.70},
		{"root, with a group, of the floor", root(nameTincan), root(nameFloor), 0.95, 0.85},
		{"root, without a group, of the floor", root(nameBare), root(nameBareBase), 0.95, 0.85},
		{"root, with a group, of runc", root(nameTincan), root(nameRunc), 0.15, 0.12},
		{"rootless, one id, of bwrap", user(nameOneID), user(nameBwrap), 0.75, 0.65},
		{"rootless, ranges (newuidmap), of bwrap", user(nameRanges), user(nameBwrap), 1.4, 1.2},
	}
	var all []*contender
	in := map[*contender]bool{}
	for _, t := range targets {
		for _, c := range []*contender{t.tool, t.beside} {
			if c != nil && c.absent == "" && !in[c] {
				in[c], all = true, append(all, c)
			}
		}
	}
	took, err := race(all, *rounds)
	if err != nil {
		return nil, err
	}
	t := &table{Title: fmt.Sprintf("The targets: /bin/true of a static busybox, with all protections, medians of %d runs, interleaved", *rounds),
		Columns: []column{{"ratio", 3}, {"(q1", 3}, {"q3)", 3}, {"required", 2}, {"aim", 2}, {"ms", 2}, {"of ms", 2}, {"us over aim", 0}}}
	var missed []string
	for _, g := range targets {
		if why := g.absent(); why != "" {
			t.absent(g.name, why)
			continue
		}
		v, w := took[g.tool].wall, took[g.beside].wall
		r := ratio(v, w)
		q1, q3 := spread(v, w)
		t.add(g.name, r, q1, q3, g.required, g.aim, median(v), median(w), median(v)*1000-g.aim*median(w)*1000)
		if r > g.required {
			missed = append(missed, g.name)
		}
	}
	if missed != nil {
		t.note("these do not reach what is required: %s", strings.Join(missed, "; "))
	}
	t.note("bwrap is bwrap --unshare-all; in the rootless rows a user runs both; runc has limits and a short filter")
	return t, nil
}

// absent returns why there is no ratio, or "".
func (g target) absent() string {
	for _, c := range []*contender{g.tool, g.beside} {
		switch {
		case c == nil:
			return "not in -who"
		case c.absent != "":
			return c.name + ": " + c.absent
		}
	}
	return ""
}

// dockerProfile returns a tincan with moby's profile, which was compiled before.
func (b *bench) dockerProfile() *contender {
	file := filepath.Join(b.dir, "docker.bpf")
	c := &contender{name: "tincan --seccomp=FILE", argv: []string{b.tincan, "run", "--seccomp=" + file, "-m", b.root, "--", "/bin/true"}}
	if _, err := b.tincanOutput(0, "seccomp", "compile", b.moby, "-o", file); err != nil {
		c.absent = oneLine(err.Error())
		return c
	}
	c.absent = c.trial()
	return c
}

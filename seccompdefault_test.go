// The default filter that is compiled beforehand is the one that the compiler makes.
package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var filterArches = []string{"amd64", "arm64", "riscv64"}

func compiledFor(t *testing.T, arch string) []unix.SockFilter {
	t.Helper()
	native, err := abiNamed(arch)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := seccompPolicyFor(native, "default", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	program, err := p.compile()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestDefaultFilterIsCompiled(t *testing.T) {
	for _, arch := range filterArches {
		want := rawFilter(compiledFor(t, arch))
		file := "filters/default-" + arch + ".bpf"
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the rules compile to (%v): go test -run TestDefaultFilterIsCompiled -update", file, err)
		}
	}
	c := &config{program: defaultFilter()}
	if steps := filter(c, &fds{}); len(steps) != 1 {
		t.Fatal(steps)
	}
	policy, _, err := seccompPolicy("default", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	program, err := policy.compile()
	if err != nil || !slices.Equal(program, defaultFilter()) {
		t.Errorf("the default filter of a start is not the default policy's (%v)", err)
	}
}

// Every call from 424 on is decided on purpose, in one row with a reason, and what comes after is not there.
func TestNewCallsAreDecided(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		native, err := abiNamed(arch)
		if err != nil {
			t.Fatal(err)
		}
		rows := map[string]int{}
		for _, table := range [][]refusal{tutorialWhole(), closedHoles(), newCalls()} {
			for _, r := range table {
				for call := range strings.FieldsSeq(r.calls) {
					rows[call]++
					if r.why == "" {
						t.Errorf("%s: no reason", call)
					}
				}
			}
		}
		p, _, err := seccompPolicyFor(native, "default", nil, false)
		if err != nil {
			t.Fatal(err)
		}
		a := p.abis[0]
		decided := 0
		for nr := uint32(firstNew); nr < native.afterNewest(); nr++ {
			name := native.call(nr)
			if _, known := native.number(name); !known {
				t.Errorf("%s: %d has no name", arch, nr)
				continue
			}
			if decided++; rows[name] != 1 {
				t.Errorf("%s: %d %s is in %d rows", arch, nr, name, rows[name])
			}
		}
		if decided < 45 {
			t.Errorf("%s: only %d calls", arch, decided)
		}
		for _, nr := range []uint32{native.afterNewest(), native.afterNewest() + 1, 1000, 0x3fffffff} {
			if got := a.fallback(nr); got != unknownCall {
				t.Errorf("%s: %d is answered with %v", arch, nr, got)
			}
		}
		for _, r := range newCalls() {
			for call := range strings.FieldsSeq(r.calls) {
				if nr, known := native.number(call); known && nr < firstNew {
					t.Errorf("%s: %s is %d, and older", arch, call, nr)
				}
			}
		}
	}
}

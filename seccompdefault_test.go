// The default filter is compiled in advance, into filters/. It must be what the compiler produces
// now.
package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// filterArches are the architectures with a compiled filter.
var filterArches = []string{"amd64", "arm64", "riscv64"}

// compiledFor compiles the default filter for an architecture.
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

// TestDefaultFilterIsCompiled compares the files with the compiler's result. With -update it writes
// them.
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
			t.Errorf("%s is not what the compiler makes of the rules (%v): run go test -run TestDefaultFilterIsCompiled -update", file, err)
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
		t.Errorf("a start does not use the filter of the default policy (%v)", err)
	}
}

// TestNewCallsAreDecided checks that every call from number 424 on is in exactly one row, with a
// reason, and that the filter refuses the numbers after the newest call with ENOSYS.
func TestNewCallsAreDecided(t *testing.T) {
	for _, arch := range filterArches {
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
						t.Errorf("%s has no reason", call)
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
			t.Errorf("%s: only %d calls were checked", arch, decided)
		}
		for _, nr := range []uint32{native.afterNewest(), native.afterNewest() + 1, 1000, 0x3fffffff} {
			if got := a.fallback(nr); got != unknownCall {
				t.Errorf("%s: the verdict on call %d is %v", arch, nr, got)
			}
		}
		for _, r := range newCalls() {
			for call := range strings.FieldsSeq(r.calls) {
				if nr, known := native.number(call); known && nr < firstNew {
					t.Errorf("%s: %s has the number %d and is not new", arch, call, nr)
				}
			}
		}
	}
}

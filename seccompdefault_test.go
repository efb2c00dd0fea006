// The default filter that is compiled beforehand is the one that the compiler makes.
package main

import (
	"bytes"
	"os"
	"slices"
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

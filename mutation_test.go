// Would the comparison with libseccomp notice a wrong filter? It must notice most filters in
// which one instruction was changed.

package main

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// mutate changes one instruction in a way that is hard to see: a constant by one, the two targets
// of a jump exchanged, another comparison, another result.
func mutate(r *rand.Rand, prog []unix.SockFilter) []unix.SockFilter {
	m := slices.Clone(prog)
	for {
		in := &m[r.IntN(len(m))]
		switch in.Code {
		case unix.BPF_JMP | unix.BPF_JEQ, unix.BPF_JMP | unix.BPF_JGE, unix.BPF_JMP | unix.BPF_JGT, unix.BPF_JMP | unix.BPF_JSET:
			switch r.IntN(4) {
			case 0:
				in.K++
			case 1:
				in.K--
			case 2:
				in.Jt, in.Jf = in.Jf, in.Jt
			case 3:
				if in.Code == unix.BPF_JMP|unix.BPF_JGE {
					in.Code = unix.BPF_JMP | unix.BPF_JGT
				} else {
					in.Code = unix.BPF_JMP | unix.BPF_JGE
				}
			}
			return m
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if in.K >= offArgs {
				in.K ^= 4 // the other half of the argument
				return m
			}
		case unix.BPF_RET:
			if r.IntN(4) == 0 { // rarely: any change of a result is noticed at once
				in.K ^= 1
				return m
			}
		}
	}
}

// TestMutations counts how many changed filters the comparison notices.
func TestMutations(t *testing.T) {
	bin := oracle(t)
	for _, c := range oracleCases() {
		if c.caps != "docker" {
			continue
		}
		t.Run(filepath.Base(c.file)+"/"+c.native, func(t *testing.T) {
			p, ours, theirs := c.prepare(t, bin, 2)
			r := rand.New(rand.NewPCG(60, 60))
			const mutants = 60
			caught := 0
		mutant:
			for range mutants {
				m := mutate(r, ours)
				d := newDrawer(p, r.Uint64())
				var call sysCall
				for range 400_000 {
					d.next(&call)
					a, _, err := runFilter(m, &call)
					b, _, _ := runFilter(theirs, &call)
					if err != nil || a != b {
						caught++
						continue mutant
					}
				}
			}
			t.Logf("%d of %d changed filters were noticed", caught, mutants)
			if caught < 55 {
				t.Errorf("%d of %d changed filters were noticed, want at least 55", caught, mutants)
			}
		})
	}
}

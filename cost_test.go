// What the filter costs: its size, and the number of instructions that a call executes in it,
// measured with programs that were not used to choose the weights.

package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// heldOut returns the calls of testdata/heldout.txt, each with its share of all calls.
func heldOut(t testing.TB) map[string]float64 {
	t.Helper()
	data, err := os.ReadFile("testdata/heldout.txt")
	if err != nil {
		t.Fatal(err)
	}
	mix, sum := map[string]float64{}, 0.0
	for line := range strings.Lines(string(data)) {
		name, count, found := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(count); found && err == nil {
			mix[name] = float64(n)
			sum += float64(n)
		}
	}
	if len(mix) < 50 {
		t.Fatalf("testdata/heldout.txt has %d calls", len(mix))
	}
	for name := range mix {
		mix[name] /= sum
	}
	return mix
}

// meanCost returns the mean number of instructions that a mix of amd64 calls executes.
func meanCost(t testing.TB, prog []unix.SockFilter, mix map[string]float64) (mean float64) {
	t.Helper()
	for name, part := range mix {
		nr, ok := abis[0].number(name)
		if !ok {
			t.Fatalf("%s: no such call", name)
		}
		_, n, err := runFilter(prog, &sysCall{nr: nr, arch: abis[0].audit})
		if err != nil {
			t.Fatal(err)
		}
		mean += part * float64(n)
	}
	return mean
}

// TestCost limits the size and the mean cost of the filter of Docker's profile, and compares it
// with libseccomp's.
func TestCost(t *testing.T) {
	file := profileFile("moby-default.json")
	mix := heldOut(t)
	p, _, err := seccompPolicyFor(&abis[0], file, dockerCaps, false)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := p.compile()
	if err != nil {
		t.Fatal(err)
	}
	mean := meanCost(t, prog, mix)
	var took []time.Duration
	for range 15 {
		start := time.Now()
		if _, err := p.compile(); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	attached := attach(t, prog)
	t.Logf("moby's default, Docker's capabilities: %d instructions, %.2f executed on average, compiled in %d microseconds, attached in %v",
		len(prog), mean, took[len(took)/2].Microseconds(), attached)
	if len(prog) > 350 || mean > 7 {
		t.Errorf("%d instructions (at most 350), %.2f executed on average (at most 7)", len(prog), mean)
	}
	bin := oracle(t)
	otherwise, rules := oracleRules(t, file, "amd64", dockerCaps)
	for _, level := range []int{1, 2} {
		theirs, _, us := oracleFilter(t, bin, []string{"x86_64", "x86", "x32"}, level, otherwise, rules)
		cost := meanCost(t, theirs, mix)
		t.Logf("libseccomp, optimize=%d: %d instructions, %.2f executed on average, compiled in %d microseconds, attached in %v",
			level, len(theirs), cost, us, attach(t, theirs))
		if len(theirs) < 2*len(prog) || cost < 1.5*mean {
			t.Errorf("libseccomp's filter is less than 2 times as large, or less than 1.5 times as slow, as ours")
		}
	}
}

// attach returns the median time that the kernel needs to attach a filter.
func attach(t testing.TB, prog []unix.SockFilter) time.Duration {
	t.Helper()
	var times []time.Duration
	rounds := 21
	if testing.Short() { // make check: with -race each takes a second, and the time is meaningless
		rounds = 1
	}
	for range rounds {
		out, err := underFilter(t, prog, 0, attachTime+"true").Output()
		if err != nil {
			t.Fatal(err)
		}
		ns, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Duration(ns))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// TestConstantAllow checks which calls the kernel's cache of allowed calls can hold: exactly those
// that the policy allows with any arguments.
func TestConstantAllow(t *testing.T) {
	for _, spec := range []string{"default", "tutorial", profileFile("moby-default.json"), profileFile("podman-seccomp.json")} {
		p, _, err := seccompPolicyFor(&abis[0], spec, dockerCaps, false)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := p.compile()
		if err != nil {
			t.Fatal(err)
		}
		free := 0
		for _, a := range p.abis {
			for nr := a.abi.bit; nr < a.abi.bit+600; nr++ {
				rules := a.rulesFor(nr)
				want := a.fallback(nr) == allow && len(rules) == 0 || len(rules) > 0 && len(rules[0].when) == 0 && rules[0].then == allow
				if got := constantAllow(prog, a.abi.audit, nr); got != want {
					t.Errorf("%s, %s %s: %v, want %v", spec, a.abi.name, a.abi.call(nr), got, want)
				}
				if want {
					free++
				}
			}
		}
		if free < 300 {
			t.Errorf("%s: the kernel can cache only %d calls", spec, free)
		}
	}
}

func BenchmarkCompileMoby(b *testing.B) {
	p, _, err := seccompPolicyFor(&abis[0], profileFile("moby-default.json"), dockerCaps, false)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.compile(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadMoby(b *testing.B) {
	file := profileFile("moby-default.json")
	for b.Loop() {
		if _, _, err := seccompPolicyFor(&abis[0], file, dockerCaps, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		p, _, err := seccompPolicyFor(&abis[0], "default", nil, false)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.compile(); err != nil {
			b.Fatal(err)
		}
	}
}

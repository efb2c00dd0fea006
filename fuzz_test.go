// Fuzz tests of seccomp profiles: no profile may make the reader or the compiler panic, and no
// compiled filter may differ from the policy.

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// checkFilter compiles the data if it is a profile, and compares the filter with the policy.
func checkFilter(t *testing.T, data []byte) {
	for _, native := range []int{0, 3} {
		for _, strict := range []bool{false, true} {
			r := readerFor(&abis[native], "CAP_SYS_ADMIN")
			r.strictInts = strict
			p, _, err := readProfile("fuzz.json", data, r)
			if err != nil {
				continue
			}
			prog, err := p.compile()
			if err != nil {
				continue // too long: an error, not a wrong filter
			}
			if err := firstDifference(p, prog, 400, uint64(len(data))); err != nil {
				t.Fatalf("%s, strict %v: %v\n%s", abis[native].name, strict, err, p)
			}
			chain, err := p.assemble(true)
			if err != nil {
				t.Fatal(err)
			}
			if err := firstDifference(p, chain, 100, uint64(len(data))); err != nil {
				t.Fatalf("%s, strict %v, linear: %v\n%s", abis[native].name, strict, err, p)
			}
			p.lint()
			_ = p.String()
			_ = listing(prog)
		}
	}
}

// FuzzProfile tries arbitrary bytes as a profile.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"defaultAction": "SCMP_ACT_ALLOW"}`))
	f.Add([]byte(profileWith(`{"names": ["socket", "clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}, {"index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_GT"}],
		"includes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["amd64"], "minKernel": "4.8"}, "comment": "x"}`)))
	for _, name := range []string{"moby-default.json", "podman-seccomp.json"} {
		data, err := os.ReadFile(profileFile(name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(checkFilter)
}

// randomProfile returns a well-formed profile whose content depends on the bytes.
func randomProfile(data []byte) []byte {
	seed := uint64(len(data))
	at := 0
	next := func(n int) int { // from a byte of the input, or from the seed after its end
		if at < len(data) {
			at++
			seed = seed*31 + uint64(data[at-1])
			return int(data[at-1]) % n
		}
		seed = rand.New(rand.NewPCG(seed, 7)).Uint64()
		return int(seed % uint64(n))
	}
	type m = map[string]any
	names := []string{"read", "write", "socket", "clone", "ioctl", "openat", "personality", "chmod", "futex", "accept", "shmctl", "semop", "mmap2", "set_tls", "prctl", "no_such_call"}
	constants := []uint64{0, 1, 2, 40, 0x5412, 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 32, 1<<32 | 1, 5<<32 | 7, 1 << 63, 1<<64 - 1, 0xc00, 0x800}
	action := func() (m, string) {
		a := profileActions[next(len(profileActions))].name
		return m{"action": a}, a
	}
	p := m{"architectures": [][]string{nil, {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}, {"SCMP_ARCH_X32"}, {"SCMP_ARCH_ARM", "SCMP_ARCH_X86"}}[next(4)]}
	p["defaultAction"] = profileActions[next(len(profileActions))].name
	var syscalls []m
	for range 1 + next(24) {
		s, a := action()
		if a == "SCMP_ACT_ERRNO" && next(2) == 0 {
			s["errnoRet"] = next(200)
		}
		s["names"] = []string{names[next(len(names))], names[next(len(names))]}
		var args []m
		for range next(4) {
			value := func() uint64 {
				if next(5) == 0 {
					return rand.New(rand.NewPCG(seed, uint64(next(256)))).Uint64() >> next(64)
				}
				return constants[next(len(constants))]
			}
			args = append(args, m{"index": next(3), "value": value(), "valueTwo": value(), "op": profileOps[next(len(profileOps))].name})
		}
		s["args"] = args
		syscalls = append(syscalls, s)
	}
	p["syscalls"] = syscalls
	text, err := json.Marshal(p)
	if err != nil {
		return []byte(fmt.Sprint(err))
	}
	return text
}

// FuzzRules tries well-formed profiles.
func FuzzRules(f *testing.F) {
	for i := range 8 {
		f.Add([]byte{byte(i), byte(i * 31), byte(i * 7), 3, 200, byte(i)})
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkFilter(t, randomProfile(data)) })
}

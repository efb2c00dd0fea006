// Chapter 13: a filter as text. Each instruction is one line, jumps go to labels, and comments
// explain the numbers: the name of the call, the architecture, the errno. It works for every
// filter, not only for tincan's, because it follows along the jumps what the accumulator
// contains.

package main

import (
	"fmt"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// held is what is known about the accumulator at an instruction: which word of seccomp_data it
// contains, and the architecture.
type held struct {
	seen  bool
	word  int // offset, or -1
	arch  uint32
	mixed bool // the architecture depends on the way that led here
}

func (h *held) meet(from held) {
	if !h.seen {
		*h = from
		return
	}
	if h.word != from.word {
		h.word = -1
	}
	if h.arch != from.arch || from.mixed {
		h.mixed = true
	}
}

// listing returns the text of a filter.
func listing(prog []unix.SockFilter) string {
	states := make([]held, len(prog)+1)
	label := make([]bool, len(prog)+1)
	states[0] = held{seen: true, word: -1}
	pass := func(to int, h held) {
		if to < len(states) {
			states[to].meet(h)
		}
	}
	mark := func(to int, h held) {
		if to < len(label) {
			label[to] = true
		}
		pass(to, h)
	}
	for pc, in := range prog {
		h := states[pc]
		switch in.Code & 7 {
		case unix.BPF_LD:
			h.word = -1
			if in.Code == unix.BPF_LD|unix.BPF_W|unix.BPF_ABS {
				h.word = int(in.K)
			}
			pass(pc+1, h)
		case unix.BPF_JMP:
			if in.Code == unix.BPF_JMP|unix.BPF_JA {
				mark(pc+1+int(in.K), h)
				continue
			}
			hit := h
			if in.Code == unix.BPF_JMP|unix.BPF_JEQ && h.word == offArch {
				hit.arch = in.K
			}
			mark(pc+1+int(in.Jt), hit)
			mark(pc+1+int(in.Jf), h)
		case unix.BPF_RET:
		default:
			pass(pc+1, h)
		}
	}
	var b strings.Builder
	for pc, in := range prog {
		name := ""
		if label[pc] {
			name = fmt.Sprintf("L%d:", pc)
		}
		text, comment := instructionText(pc, in, states[pc])
		line := fmt.Sprintf("%-6s %s", name, text)
		if comment != "" {
			line = fmt.Sprintf("%-52s ; %s", line, comment)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func instructionText(pc int, in unix.SockFilter, h held) (text, comment string) {
	switch in.Code {
	case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
		return "load " + wordName(int(in.K)), ""
	case unix.BPF_ALU | unix.BPF_AND:
		return fmt.Sprintf("and %#x", in.K), ""
	case unix.BPF_RET:
		return "return " + verdict(in.K).long(), ""
	case unix.BPF_JMP | unix.BPF_JA:
		return fmt.Sprintf("goto L%d", pc+1+int(in.K)), ""
	}
	sign := ""
	switch in.Code {
	case unix.BPF_JMP | unix.BPF_JEQ:
		sign = "=="
	case unix.BPF_JMP | unix.BPF_JGT:
		sign = ">"
	case unix.BPF_JMP | unix.BPF_JGE:
		sign = ">="
	case unix.BPF_JMP | unix.BPF_JSET:
		sign = "&"
	default:
		return fmt.Sprintf("code %#x jt %d jf %d k %#x", in.Code, in.Jt, in.Jf, in.K), ""
	}
	value := fmt.Sprintf("%#x", in.K)
	if h.word == offNr {
		value = fmt.Sprint(in.K)
	}
	return fmt.Sprintf("if %s %s goto L%d else L%d", sign, value, pc+1+int(in.Jt), pc+1+int(in.Jf)), h.meaning(in.K)
}

func wordName(off int) string {
	switch {
	case off == offNr:
		return "nr"
	case off == offArch:
		return "arch"
	case off >= offArgs && off < sdSize && off%8 == 0:
		return fmt.Sprintf("a%d low", (off-offArgs)/8)
	case off >= offArgs && off < sdSize && off%8 == 4:
		return fmt.Sprintf("a%d high", (off-offArgs)/8)
	}
	return fmt.Sprintf("[%d]", off)
}

// meaning returns what a value of the word in the accumulator stands for.
func (h held) meaning(k uint32) string {
	if h.word == offArch {
		for i := range abis {
			if abis[i].audit == k {
				return abis[i].name
			}
		}
	}
	if h.word != offNr || h.mixed {
		return ""
	}
	for i := range abis {
		if a := &abis[i]; a.audit == h.arch && a.owns(k) {
			if k == x32Bit && a.bit != 0 {
				return "x32"
			}
			return a.call(k)
		}
	}
	return ""
}

// constantAllow answers the question that the kernel asks (kernel/seccomp.c,
// seccomp_is_const_allow): does the filter allow the call without looking at its arguments? When
// a filter is installed, the kernel puts such calls into a bitmap, and they never run the
// filter.
func constantAllow(prog []unix.SockFilter, arch, nr uint32) bool {
	a := uint32(0)
	for pc := 0; pc < len(prog); pc++ {
		in := &prog[pc]
		hit := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			switch in.K {
			case offNr:
				a = nr
			case offArch:
				a = arch
			default:
				return false
			}
			continue
		case unix.BPF_RET:
			return in.K == unix.SECCOMP_RET_ALLOW
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
			continue
		case unix.BPF_JMP | unix.BPF_JEQ:
			hit = a == in.K
		case unix.BPF_JMP | unix.BPF_JGE:
			hit = a >= in.K
		case unix.BPF_JMP | unix.BPF_JGT:
			hit = a > in.K
		case unix.BPF_JMP | unix.BPF_JSET:
			hit = a&in.K != 0
		case unix.BPF_ALU | unix.BPF_AND:
			a &= in.K
			continue
		default:
			return false
		}
		if hit {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	return false
}

// costs are the costs of a filter over the calls of one ABI, with all arguments zero.
type costs struct {
	mean      float64 // weighted with the table of compileweights.go
	worst     int
	worstCall string
	free      int      // calls that are in the kernel's bitmap
	asked     []string // calls that may be allowed, but run the filter each time
}

// measure returns what the filter costs for the calls of an ABI.
func measure(p *policy, prog []unix.SockFilter, a *abi) (c costs, err error) {
	a.load()
	sum := 0.0
	for _, s := range a.names {
		call := sysCall{nr: s.nr, arch: a.audit}
		v, n, err := runFilter(prog, &call)
		if err != nil {
			return c, err
		}
		w := weightOf(s.name)
		sum += w
		c.mean += w * float64(n)
		if n > c.worst {
			c.worst, c.worstCall = n, s.name
		}
		if constantAllow(prog, a.audit, s.nr) {
			c.free++
		} else if ap := p.abi(a); v.permits() || (ap != nil && somePermit(ap.rulesFor(s.nr))) {
			c.asked = append(c.asked, s.name)
		}
	}
	c.mean /= sum
	sort.Strings(c.asked)
	return c, nil
}

func somePermit(rules []rule) bool {
	for _, r := range rules {
		if r.then.permits() {
			return true
		}
	}
	return false
}

// Chapter 13: an interpreter of filters, which finds out what the kernel would answer.
//
// man 2 seccomp, and the kernel's seccomp_check_filter, which defines the instructions that a
// filter may contain: the few that compile.go emits, and those of other compilers (libseccomp's
// filters run here in the tests).
//
// golang.org/x/net/bpf has such an interpreter too, but it is made for packets: big-endian, with
// a packet of bytes as input. The tests compare the two.

package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The offsets in struct seccomp_data, from which a filter loads words.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
	sdSize  = 64
)

// offLow returns the offset of the low half of an argument.
func offLow(arg int) uint32 { return offArgs + 8*uint32(arg) }

// offHigh returns the offset of the high half of an argument.
func offHigh(arg int) uint32 { return offLow(arg) + 4 }

// word loads a word as BPF_LD|BPF_W|BPF_ABS does. The instruction pointer is zero here, because
// no filter of tincan's reads it.
func (c *sysCall) word(off uint32) (uint32, bool) {
	switch {
	case off == offNr:
		return c.nr, true
	case off == offArch:
		return c.arch, true
	case off == 8 || off == 12:
		return 0, true
	case off >= offArgs && off < sdSize && off&3 == 0:
		v := c.args[(off-offArgs)/8]
		if off&4 != 0 {
			v >>= 32
		}
		return uint32(v), true
	}
	return 0, false
}

// runFilter returns the verdict and the number of executed instructions.
func runFilter(prog []unix.SockFilter, c *sysCall) (verdict, int, error) {
	var a, x uint32
	var mem [unix.BPF_MEMWORDS]uint32
	for pc, n := 0, 1; pc < len(prog); pc, n = pc+1, n+1 {
		in := &prog[pc]
		operand := in.K
		if in.Code&unix.BPF_X != 0 {
			operand = x
		}
		hit := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			v, ok := c.word(in.K)
			if !ok {
				return 0, n, fault(func() error {
					return fmt.Errorf("instruction %d: offset %d is not a word of seccomp_data", pc, in.K)
				})
			}
			a = v
			continue
		case unix.BPF_RET | unix.BPF_K:
			return verdict(in.K), n, nil
		case unix.BPF_RET | unix.BPF_A:
			return verdict(a), n, nil
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
			continue
		case unix.BPF_JMP | unix.BPF_JEQ, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X:
			hit = a == operand
		case unix.BPF_JMP | unix.BPF_JGT, unix.BPF_JMP | unix.BPF_JGT | unix.BPF_X:
			hit = a > operand
		case unix.BPF_JMP | unix.BPF_JGE, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_X:
			hit = a >= operand
		case unix.BPF_JMP | unix.BPF_JSET, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_X:
			hit = a&operand != 0
		case unix.BPF_ALU | unix.BPF_AND, unix.BPF_ALU | unix.BPF_AND | unix.BPF_X:
			a &= operand
			continue
		case unix.BPF_LD | unix.BPF_IMM:
			a = in.K
			continue
		case unix.BPF_LDX | unix.BPF_IMM:
			x = in.K
			continue
		case unix.BPF_LD | unix.BPF_MEM, unix.BPF_LDX | unix.BPF_MEM, unix.BPF_ST, unix.BPF_STX:
			if in.K >= unix.BPF_MEMWORDS {
				return 0, n, fault(func() error {
					return fmt.Errorf("instruction %d: there is no scratch word %d, only %d words", pc, in.K, unix.BPF_MEMWORDS)
				})
			}
			switch in.Code {
			case unix.BPF_LD | unix.BPF_MEM:
				a = mem[in.K]
			case unix.BPF_LDX | unix.BPF_MEM:
				x = mem[in.K]
			case unix.BPF_ST:
				mem[in.K] = a
			default:
				mem[in.K] = x
			}
			continue
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
			continue
		case unix.BPF_MISC | unix.BPF_TXA:
			a = x
			continue
		default:
			return 0, n, fault(func() error {
				return fmt.Errorf("instruction %d: this interpreter does not know the code %#x", pc, in.Code)
			})
		}
		if hit {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	return 0, len(prog), fault(func() error { return errors.New("the filter ends without a verdict") })
}

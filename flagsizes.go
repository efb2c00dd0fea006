// Sizes and durations as people write them.

package main

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// sizeUnits: powers of 1024 with and without "iB", as the kernel's own memparse
// (lib/cmdline.c) reads K, M and G.
var sizeUnits = []struct {
	suffix string
	factor uint64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"tb", 1 << 40},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40},
	{"b", 1}, {"", 1},
}

// parseSize reads a number of bytes: 1048576, 512M, 1GiB, 1.5g.
func parseSize(s string) (uint64, error) {
	low := strings.ToLower(s)
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(low, u.suffix)
		if !ok || digits == "" {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			hi, lo := bits.Mul64(n, u.factor)
			if hi != 0 || lo > math.MaxInt64 {
				return 0, fmt.Errorf("%q is more bytes than the kernel counts to (8EiB)", s)
			}
			return lo, nil
		} else if strings.Trim(digits, "0123456789") == "" {
			return 0, fmt.Errorf("%q is more bytes than the kernel counts to (8EiB)", s)
		}
		if whole, fraction, ok := strings.Cut(digits, "."); ok && u.factor > 1 && len(fraction) <= 9 &&
			whole != "" && fraction != "" && strings.Trim(whole+fraction, "0123456789") == "" {
			f, err := strconv.ParseFloat(digits, 64)
			if err == nil && f*float64(u.factor) < math.MaxInt64 {
				return uint64(f * float64(u.factor)), nil
			}
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size: a number of bytes, or one with K, M, G or T (powers of 1024), such as 512M or 1GiB", s)
}

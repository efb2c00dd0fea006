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
var sizeUnits = [...]struct {
	suffix string
	factor uint64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"tb", 1 << 40},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40},
	{"b", 1}, {"", 1},
}

// parseSize reads a number of bytes: 1048576, 512M, 1GiB, 1.5g. A fraction needs the
// runtime.
func parseSize(s string) (uint64, error) {
	for i := range sizeUnits {
		u := &sizeUnits[i]
		at := len(s) - len(u.suffix)
		if at < 1 || !sameLetters(s[at:], u.suffix) {
			continue
		}
		digits := s[:at]
		if n, valid := number(digits); valid {
			if hi, lo := bits.Mul64(n, u.factor); hi == 0 && lo <= math.MaxInt64 {
				return lo, nil
			}
		}
		var size uint64
		err := fault(func() (err error) { size, err = fractionOf(s, digits, u.factor); return err })
		return size, err
	}
	return 0, fault(func() error { return notSize(s) })
}

// fractionOf reads a size with a fraction, or says what is wrong with it.
func fractionOf(s, digits string, factor uint64) (uint64, error) {
	if strings.Trim(digits, "0123456789") == "" {
		return 0, fmt.Errorf("%q is more bytes than the kernel counts to (8EiB)", s)
	}
	if whole, fraction, ok := cut(digits, "."); ok && factor > 1 && len(fraction) <= 9 &&
		whole != "" && fraction != "" && strings.Trim(whole+fraction, "0123456789") == "" {
		f, err := strconv.ParseFloat(digits, 64)
		if err == nil && f*float64(factor) < math.MaxInt64 {
			return uint64(f * float64(factor)), nil
		}
	}
	return 0, notSize(s)
}

func notSize(s string) error {
	return fmt.Errorf("%q is not a size: a number of bytes, or one with K, M, G or T (powers of 1024), such as 512M or 1GiB", s)
}

// sameLetters reports whether two words are the same but for the case of ASCII letters.
func sameLetters(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && (a[i]|0x20 != b[i]|0x20 || a[i]|0x20 < 'a' || a[i]|0x20 > 'z') {
			return false
		}
	}
	return true
}

// sizeText returns a number of bytes as a person writes it: 1GiB, 512MiB, 1000.
func sizeText(s string) string {
	n, valid := number(s)
	if !valid {
		return s
	}
	for i, unit := range [...]string{"", "KiB", "MiB", "GiB"} {
		if n%1024 != 0 || n == 0 || i == 3 {
			return text(unsigned(n), unit)
		}
		n /= 1024
	}
	return s
}

// The values of flags: those that are accepted, and the errors for the others.
package main

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// wantRefusal checks that err is an error of one line that contains why.
func wantRefusal(t *testing.T, input string, err error, why string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%q: no error, want one with %q", input, why)
	case !strings.Contains(err.Error(), why):
		t.Errorf("%q: %q, want %q in it", input, err, why)
	case strings.Contains(err.Error(), "\n"):
		t.Errorf("%q: %q has more than one line", input, err)
	}
}

// TestSizes checks sizes in bytes.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
	}{
		{"0", 0}, {"1", 1}, {"1048576", 1 << 20}, {"007", 7}, {"512M", 512 << 20}, {"512m", 512 << 20}, {"512MB", 512 << 20},
		{"512MiB", 512 << 20}, {"1GiB", 1 << 30}, {"1gib", 1 << 30}, {"1g", 1 << 30}, {"1.5g", 3 << 29}, {"0.5K", 512}, {"2T", 2 << 40},
		{"4kB", 4096}, {"100B", 100}, {"100b", 100}, {"9223372036854775807", math.MaxInt64}, {"8388607T", 8388607 << 40},
	} {
		if n, err := parseSize(c.in); err != nil || n != c.want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", c.in, n, err, c.want)
		}
	}
	for in, why := range map[string]string{
		"":                     "not a size",
		"-1":                   "not a size",
		"-1M":                  "not a size",
		"+1":                   "not a size",
		"1 M":                  "not a size",
		" 1":                   "not a size",
		"M":                    "not a size",
		"iB":                   "not a size",
		"1X":                   "not a size",
		"1MM":                  "not a size",
		"1e3":                  "not a size",
		"0x10":                 "not a size",
		"1_000":                "not a size",
		"1,5G":                 "not a size",
		"1.5":                  "not a size", // half a byte
		".5G":                  "not a size",
		"1.G":                  "not a size",
		"1.2.3G":               "not a size",
		"NaN":                  "not a size",
		"InfG":                 "not a size",
		"max":                  "not a size", // the caller of parseSize handles it
		"9223372036854775808":  "more bytes than the kernel counts",
		"8388608T":             "more bytes than the kernel counts",
		"18446744073709551616": "more bytes than the kernel counts",
		"16777216TiB":          "more bytes than the kernel counts", // 2^64, which is 0 in 64 bits
		"99999999999999999999": "more bytes than the kernel counts",
	} {
		_, err := parseSize(in)
		wantRefusal(t, in, err, why)
	}
}

// TestMaps checks id maps.
func TestMaps(t *testing.T) {
	if m, err := parseMap("0:10000:2000"); err != nil || m != (idMap{0, 10000, 2000}) || m.text() != "0 10000 2000" {
		t.Errorf("%v %v", m, err)
	}
	if m, err := parseMap("0:0:4294967295"); err != nil || m.count != math.MaxUint32 {
		t.Errorf("a map of all ids: %v %v", m, err)
	}
	for _, in := range []string{"", "0", "0:1", "0:1:2:3", "a:1:2", "0:-1:2", "0:1:2x", "::", " 0:1:2", "0:1:4294967296"} {
		_, err := parseMap(in)
		wantRefusal(t, in, err, "not INSIDE:HOST:COUNT")
	}
	for _, in := range []string{"0:0:0", "1:0:4294967295", "0:1:4294967295", "4294967295:0:1", "0:4294967295:1"} {
		_, err := parseMap(in)
		wantRefusal(t, in, err, "the count must be at least 1, and no id may be greater than 4294967294")
	}
	maps := []idMap{{0, 10000, 10}, {100, 5, 1}}
	for id, want := range map[int]int{0: 10000, 9: 10009, 100: 5, 10: -1, 99: -1, 101: -1, -1: -1} {
		got, ok := hostID(maps, id)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("hostID(%d) = %d, %v; want %d", id, got, ok, want)
		}
	}
	for _, c := range []struct {
		a, na, b, nb uint32
		want         bool
	}{
		{0, 10, 10, 10, false}, {0, 11, 10, 10, true}, {5, 1, 0, 10, true}, {math.MaxUint32 - 1, 1, 0, 1, false}, {0, math.MaxUint32, 7, 1, true},
	} {
		if overlap(c.a, c.na, c.b, c.nb) != c.want || overlap(c.b, c.nb, c.a, c.na) != c.want {
			t.Errorf("overlap(%d+%d, %d+%d) is not %v", c.a, c.na, c.b, c.nb, c.want)
		}
	}
}

// TestLines compares splitLine with what a POSIX shell does to a line without expansions and
// operators.
func TestLines(t *testing.T) {
	for in, want := range map[string][]string{
		"":                        nil,
		" \t\n ":                  nil,
		"/bash":                   {"/bash"},
		"  ls   -l\t/ ":           {"ls", "-l", "/"},
		`echo 'a b' "c d"`:        {"echo", "a b", "c d"},
		`a'b'"c"d`:                {"abcd"},
		`'' ""`:                   {"", ""},
		`x''y`:                    {"xy"},
		`\'`:                      {"'"},
		`a\ b \\`:                 {"a b", `\`},
		`'\n' "\n" \n`:            {`\n`, `\n`, "n"},
		`"\"\\\$` + "\\`" + `\x"`: {`"\$` + "`" + `\x`},
		`'"' "'"`:                 {`"`, "'"},
		"'a\nb'":                  {"a\nb"},
		`$HOME *.go ~ | ; > #`:    {"$HOME", "*.go", "~", "|", ";", ">", "#"},
		"caf\xc3\xa9 \xff":        {"caf\xc3\xa9", "\xff"},
	} {
		got, err := splitWords(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("splitWords(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, why := range map[string]string{`'a`: "a ' is not closed", `"a`: `a " is not closed`, `"a\"`: `a " is not closed`, `a\`: "backslash"} {
		_, err := splitWords(in)
		wantRefusal(t, in, err, why)
	}
}

// splitWords is splitLine with its reason as an error.
func splitWords(s string) ([]string, error) {
	words, why := splitLine(s)
	if why != "" {
		return nil, errors.New(why)
	}
	return words, nil
}

// TestDurations checks the values of --timeout.
func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"": 0, "30s": 30 * time.Second, "1m30s": 90 * time.Second, "500ms": 500 * time.Millisecond, "2": 2 * time.Second, "0.5": 500 * time.Millisecond, "1h": time.Hour,
	} {
		if d, err := parseDuration(in); err != nil || d != int64(want) {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", in, d, err, want)
		}
	}
	for _, in := range []string{"0", "0s", "-1s", "-1", "soon", "1d", "s", "NaN", "Inf", "-Inf", "1e300", "9999999999999", "0.0000000000001"} {
		d, err := parseDuration(in)
		if err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", in, d)
			continue
		}
		wantRefusal(t, in, err, "--timeout="+in)
	}
}

// TestNumbersOfTheGroup checks the resource group's values that are not sizes.
func TestNumbersOfTheGroup(t *testing.T) {
	for in, want := range map[string]uint64{"1": 1000, "1.5": 1500, "0.01": 10, "64": 64000, "10000": 10000000} {
		if n, err := parseCPUs(in); err != nil || n != want {
			t.Errorf("parseCPUs(%q) = %d, %v; want %d", in, n, err, want)
		}
	}
	for _, in := range []string{"", "0", "0.001", "-1", "NaN", "Inf", "many", "10001", "1 "} {
		_, err := parseCPUs(in)
		wantRefusal(t, in, err, "not a number of processors")
	}
	for _, in := range []string{"", "0", "-1", "1.5", "4194305", "99999999999999999999", "64k"} {
		_, err := parsePids(in)
		wantRefusal(t, in, err, "not a number of processes")
	}
	for _, in := range []string{"", "0", "10001", "-5", "max", "1.0"} {
		_, err := parseWeight(in)
		wantRefusal(t, in, err, "not a weight")
	}
	if n, err := parsePids("4194304"); err != nil || n != 4194304 {
		t.Error(n, err)
	}
	if n, err := parseWeight("10000"); err != nil || n != 10000 {
		t.Error(n, err)
	}
}

// TestRlimitValues checks the values of --rlimit.
func TestRlimitValues(t *testing.T) {
	for in, want := range map[string]rlimit{
		"nofile=64":           {7, 64, 64},
		"NOFILE=64:128":       {7, 64, 128},
		"RLIMIT_CORE=0:max":   {4, 0, math.MaxUint64},
		"rlimit_as=1GiB":      {9, 1 << 30, 1 << 30},
		"stack=8M:unlimited":  {3, 8 << 20, math.MaxUint64},
		"cpu=max":             {0, math.MaxUint64, math.MaxUint64},
		"rttime=200000":       {15, 200000, 200000},
		"as=9223372036854775": {9, 9223372036854775, 9223372036854775},
	} {
		if r, err := parseRlimit(in); err != nil || r != want {
			t.Errorf("parseRlimit(%q) = %v, %v; want %v", in, r, err, want)
		}
	}
	for in, why := range map[string]string{
		"":                            "not NAME=SOFT",
		"nofile":                      "not NAME=SOFT",
		"nofile=":                     "is not a limit",
		"nofile=-1":                   "is not a limit",
		"nofile=64:":                  "is not a limit",
		"nofile=1:2:3":                "is not a limit",
		"nofile=128:64":               "above the hard limit",
		"nofile=max:64":               "above the hard limit",
		"files=64":                    "there is no limit \"files\"; the limits are cpu, fsize,",
		"=64":                         "there is no limit",
		"nofile=18446744073709551615": "is not a limit", // RLIM_INFINITY is written max
		"nofile=99999999999999999999": "is not a limit",
	} {
		_, err := parseRlimit(in)
		wantRefusal(t, in, err, why)
	}
}

// TestCapabilityNames checks the names of capabilities.
func TestCapabilityNames(t *testing.T) {
	for in, want := range map[string]capSet{
		"CAP_CHOWN": 1, "chown": 1, "Cap_Chown": 1, "CHECKPOINT_RESTORE": 1 << 40, "ALL": 1<<41 - 1, "all": 1<<41 - 1,
	} {
		if s, err := parseCap("--cap-add", in, 40); err != nil || s != want {
			t.Errorf("parseCap(%q) = %#x, %v; want %#x", in, uint64(s), err, uint64(want))
		}
	}
	for in, why := range map[string]string{"": "no such capability", "CAP_": "no such capability", "root": "no such capability", "CAP_CAP_CHOWN": "no such capability", "0": "no such capability"} {
		_, err := parseCap("--cap-drop", in, 40)
		wantRefusal(t, in, err, why)
	}
	_, err := parseCap("--cap-add", "bpf", 37)
	wantRefusal(t, "bpf", err, "this kernel does not know this capability")
	if s, err := parseCap("--cap-add", "ALL", 37); err != nil || s != 1<<38-1 {
		t.Errorf("ALL of 38: %#x, %v", uint64(s), err)
	}
}

// TestQuote checks that strings are quoted as strace quotes them.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":             `""`,
		`a"b\c`:        `"a\"b\\c"`,
		"\n\t\r\v\f":   `"\n\t\r\v\f"`,
		"\x00\x01":     `"\0\1"`,
		"\x011":        `"\0011"`, // all three octal digits, because a digit follows
		"\x7f\xc3\xa9": `"\177\303\251"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

// FuzzSplitLine checks that words which are quoted and split again come back unchanged.
func FuzzSplitLine(f *testing.F) {
	for _, s := range []string{"", "a b", `'a' "b"`, `a\ b`, `"\$x"`, "'", `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitWords(s)
		if err != nil {
			return
		}
		var line strings.Builder
		for _, w := range words {
			line.WriteString("'" + strings.ReplaceAll(w, "'", `'\''`) + "' ")
		}
		again, err := splitWords(line.String())
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q gives %q, and quoted again %q, %v", s, words, again, err)
		}
		if whole, err := splitWords("'" + strings.ReplaceAll(s, "'", `'\''`) + "'"); err != nil || len(whole) != 1 || whole[0] != s {
			t.Errorf("%q, quoted, gives %q, %v", s, whole, err)
		}
	})
}

// FuzzParseSize checks that a size fits in the kernel's signed 64 bits, and agrees with its digits.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"", "0", "512M", "1.5GiB", "8388608T", "-1", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseSize(s)
		if err != nil {
			return
		}
		if n > math.MaxInt64 {
			t.Errorf("%q is %d", s, n)
		}
		if s == "" || s[0] < '0' || s[0] > '9' {
			t.Errorf("%q is read as %d, but does not begin with a digit", s, n)
		}
		if strings.Trim(s, "0123456789") == "" && n > 0 {
			if k, err := parseSize(s + "k"); err == nil && k != n*1024 {
				t.Errorf("%q is %d, and with a k %d", s, n, k)
			}
		}
	})
}

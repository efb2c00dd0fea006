// The values of flags: what is read, and what is refused with which words.
package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// refuses checks that an error is there, in one line, and says why.
func refuses(t *testing.T, input string, err error, why string) {
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
		"max":                  "not a size", // the caller's to read
		"9223372036854775808":  "more bytes than the kernel counts",
		"8388608T":             "more bytes than the kernel counts",
		"18446744073709551616": "more bytes than the kernel counts",
		"16777216TiB":          "more bytes than the kernel counts", // 2^64: 0 if it wrapped
		"99999999999999999999": "more bytes than the kernel counts",
	} {
		_, err := parseSize(in)
		refuses(t, in, err, why)
	}
}

func TestMaps(t *testing.T) {
	if m, err := parseMap("0:10000:2000"); err != nil || m != (idMap{0, 10000, 2000}) || m.String() != "0 10000 2000" {
		t.Errorf("%v %v", m, err)
	}
	if m, err := parseMap("0:0:4294967295"); err != nil || m.count != math.MaxUint32 {
		t.Errorf("every id there is: %v %v", m, err)
	}
	for _, in := range []string{"", "0", "0:1", "0:1:2:3", "a:1:2", "0:-1:2", "0:1:2x", "::", " 0:1:2", "0:1:4294967296"} {
		_, err := parseMap(in)
		refuses(t, in, err, "not INSIDE:HOST:COUNT")
	}
	for _, in := range []string{"0:0:0", "1:0:4294967295", "0:1:4294967295", "4294967295:0:1", "0:4294967295:1"} {
		_, err := parseMap(in)
		refuses(t, in, err, "the count must be 1 or more, and no id above 4294967294")
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

func TestAdds(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"file", "a:b", `back\slash`} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, c := range []struct {
		in, source, target string
		dir, ro, device    bool
	}{
		{"file:/x", dir + "/file", "/x", false, false, false},
		{"file:/x:ro", dir + "/file", "/x", false, true, false},
		{"file:/x:rw", dir + "/file", "/x", false, false, false},
		{".:/x/", dir, "/x", true, false, false},
		{"./link:/x//y/./z", dir + "/file", "/x/y/z", false, false, false},
		{`a\:b:/c\:d`, dir + "/a:b", "/c:d", false, false, false},
		{`a\:b:/c\:d:ro`, dir + "/a:b", "/c:d", false, true, false},
		{`back\slash:/x\y`, dir + `/back\slash`, `/x\y`, false, false, false},
		{"/dev/null:/dev/zero", "/dev/null", "/dev/zero", false, false, true},
		{dir + ":/process", dir, "/process", true, false, false}, // not below /proc
	} {
		a, err := parseAdd(c.in)
		if err != nil || a.source != c.source || a.target != c.target || a.dir != c.dir || a.readOnly != c.ro || a.device != c.device {
			t.Errorf("parseAdd(%q) = %+v, %v", c.in, a, err)
		}
	}
	for in, why := range map[string]string{
		"":                "no colon",
		"/etc":            "no colon",
		`/a\:/b`:          "no colon",
		":/x":             "nothing before the colon",
		"file:":           "not an absolute path",
		"file:x":          "not an absolute path",
		"file:/":          "the container's / is what -m gives",
		"file:/.":         "the container's / is what -m gives",
		"file:/a/../..":   "no `..` here",
		"file:/a/../b":    "no `..` here",
		"file:/x:r":       "after the second colon",
		"file:/x:ro:ro":   "after the second colon",
		"file:/x:":        "after the second colon",
		"absent:/x":       dir + "/absent: no such file",
		"dangling:/x":     dir + "/nowhere: no such file",
		"file/below:/x":   "not a directory",
		"file:/proc":      "/proc is its own",
		"file:/proc/self": "/proc is its own",
		"file:/sys/x":     "/sys is its own",
		"file:/dev":       "/dev is its own",
	} {
		_, err := parseAdd(in)
		refuses(t, in, err, why)
		if err != nil && !strings.HasPrefix(err.Error(), "-a "+in+": ") {
			t.Errorf("%q does not name the flag", err)
		}
	}
}

func TestTmpfs(t *testing.T) {
	if a, err := parseTmpfs(`/a\:b/:64M`); err != nil || a.target != "/a:b" || a.size != "67108864" || !a.tmpfs || !a.dir {
		t.Errorf("%+v %v", a, err)
	}
	if a, err := parseTmpfs("/x"); err != nil || a.size != "" {
		t.Errorf("%+v %v", a, err)
	}
	for in, why := range map[string]string{"x": "absolute", "/x:0": "size of 0", "/x:lots": "not a size", "/x:1:2": "not DIR", "/": "-m gives", "": "absolute"} {
		_, err := parseTmpfs(in)
		refuses(t, in, err, why)
	}
}

// TestLines: what a POSIX shell makes of a line with neither expansion nor
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
		got, err := splitLine(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("splitLine(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, why := range map[string]string{`'a`: "a ' is not closed", `"a`: `a " is not closed`, `"a\"`: `a " is not closed`, `a\`: "backslash"} {
		_, err := splitLine(in)
		refuses(t, in, err, why)
	}
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"": 0, "30s": 30 * time.Second, "1m30s": 90 * time.Second, "500ms": 500 * time.Millisecond, "2": 2 * time.Second, "0.5": 500 * time.Millisecond, "1h": time.Hour,
	} {
		if d, err := parseDuration(in); err != nil || d != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", in, d, err, want)
		}
	}
	for _, in := range []string{"0", "0s", "-1s", "-1", "soon", "1d", "s", "NaN", "Inf", "-Inf", "1e300", "9999999999999", "0.0000000000001"} {
		d, err := parseDuration(in)
		if err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", in, d)
			continue
		}
		refuses(t, in, err, "--timeout="+in)
	}
}

func TestNumbersOfTheGroup(t *testing.T) {
	for in, want := range map[string]uint64{"1": 1000, "1.5": 1500, "0.01": 10, "64": 64000, "10000": 10000000} {
		if n, err := parseCPUs(in); err != nil || n != want {
			t.Errorf("parseCPUs(%q) = %d, %v; want %d", in, n, err, want)
		}
	}
	for _, in := range []string{"", "0", "0.001", "-1", "NaN", "Inf", "many", "10001", "1 "} {
		_, err := parseCPUs(in)
		refuses(t, in, err, "not a number of processors")
	}
	for _, in := range []string{"", "0", "-1", "1.5", "4194305", "99999999999999999999", "64k"} {
		_, err := parsePids(in)
		refuses(t, in, err, "not a number of processes")
	}
	for _, in := range []string{"", "0", "10001", "-5", "max", "1.0"} {
		_, err := parseWeight(in)
		refuses(t, in, err, "not a weight")
	}
	if n, err := parsePids("4194304"); err != nil || n != 4194304 {
		t.Error(n, err)
	}
	if n, err := parseWeight("10000"); err != nil || n != 10000 {
		t.Error(n, err)
	}
}

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
		"files=64":                    "no such limit \"files\": one of cpu, fsize,",
		"=64":                         "no such limit",
		"nofile=18446744073709551615": "is not a limit", // RLIM_INFINITY is spelt max
		"nofile=99999999999999999999": "is not a limit",
	} {
		_, err := parseRlimit(in)
		refuses(t, in, err, why)
	}
}

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
		refuses(t, in, err, why)
	}
	_, err := parseCap("--cap-add", "bpf", 37)
	refuses(t, "bpf", err, "this kernel does not know it yet")
	if s, err := parseCap("--cap-add", "ALL", 37); err != nil || s != 1<<38-1 {
		t.Errorf("ALL of 38: %#x, %v", uint64(s), err)
	}
}

func TestKernelVersions(t *testing.T) {
	for _, ok := range []string{"5.14", "5.14.0", "5.14-rc1", "5.14.0-162.el9.x86_64", "5.15.0-91-generic", "6.0", "6.1.0-18-amd64", "6.18.44-fc", "10.0.0"} {
		if err := supportedRelease(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for in, why := range map[string]string{
		"5.13.19":         "this is 5.13.19, which lacks cgroup.kill (5.14)",
		"5.12.0":          "lacks cgroup.kill (5.14)",
		"5.11.9":          "lacks mount_setattr (5.12), cgroup.kill (5.14)",
		"5.10.0-28-amd64": "lacks CLOSE_RANGE_CLOEXEC (5.11), mount_setattr", // newer than 5.9: not the decimal number 5.1
		"5.9":             "lacks CLOSE_RANGE_CLOEXEC (5.11)",
		"5.2.1":           "lacks clone3 and pidfds (5.3)",
		"4.18.0-553.el8":  "lacks clone3 and pidfds (5.3), CLONE_CLEAR_SIGHAND (5.5)",
		"3.10.0-1160.el7": "needs Linux 5.14 or newer",
		"2.6.32":          "needs Linux 5.14 or newer",
		"":                "which is no version",
		"linux":           "which is no version",
		"six.one":         "which is no version",
		"6":               "which is no version",
		"-6.1":            "needs Linux",
	} {
		refuses(t, in, supportedRelease(in), why)
	}
	for _, n := range needs { // 5.10 came after 5.9
		if n.major == 5 && n.minor == 3 && strings.Contains(supportedRelease("5.10").Error(), n.what) {
			t.Errorf("5.10 is said to lack %s", n.what)
		}
	}
}

// flagsFor gives flags as the command line has them when nothing is said.
func flagsFor(change func(*runFlags)) *runFlags {
	f := &runFlags{Init: true, Net: "none", Seccomp: "default", Workdir: "/", NoCgroup: true, Args: []string{"true"}}
	change(f)
	return f
}

func TestEnvironment(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("SECRET", "s")
	t.Setenv("COPIED", "a=b c")
	env := func(uid int, e ...string) []string {
		t.Helper()
		c, err := newConfig(flagsFor(func(f *runFlags) { f.Env, f.UID = e, uid }))
		if err != nil {
			t.Fatal(err)
		}
		return c.env
	}
	const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, c := range []struct {
		got, want []string
	}{
		{env(0), []string{path, "HOME=/root", "TERM=xterm"}},
		{env(7), []string{path, "HOME=/tmp", "TERM=xterm"}},
		{env(0, "COPIED", "X=", "Y=1=2"), []string{path, "HOME=/root", "TERM=xterm", "COPIED=a=b c", "X=", "Y=1=2"}},
		{env(0, "HOME=/h", "A=1", "A=2"), []string{path, "TERM=xterm", "HOME=/h", "A=2"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for in, why := range map[string]string{"": "NAME=VALUE", "=x": "NAME=VALUE", "A=\x00": "NAME=VALUE", "NOT_THERE": "has no such variable"} {
		_, err := newConfig(flagsFor(func(f *runFlags) { f.Env = []string{in} }))
		refuses(t, in, err, why)
	}
	t.Setenv("TERM", "")
	if e := env(0); !slices.Contains(e, "TERM=dumb") {
		t.Errorf("%q without a TERM", e)
	}
}

// TestRefusedFlags: what newConfig refuses beyond the values above.
func TestRefusedFlags(t *testing.T) {
	for _, c := range []struct {
		why    string
		change func(*runFlags)
	}{
		{"no command to run", func(f *runFlags) { f.Args = nil }},
		{"no command to run", func(f *runFlags) { f.Args = []string{""} }},
		{"no command to run", func(f *runFlags) { f.Args, f.Command = nil, new(" \t") }},
		{"no command to run", func(f *runFlags) { f.Args, f.Command = nil, new("") }},
		{"there is a COMMAND as well", func(f *runFlags) { f.Command = new("sh") }},
		{"a ' is not closed", func(f *runFlags) { f.Args, f.Command = nil, new("echo 'x") }},
		{"zero byte", func(f *runFlags) { f.Args = []string{"a", "b\x00c"} }},
		{"65 bytes, and 64 is the most", func(f *runFlags) { f.Hostname = strings.Repeat("h", 65) }},
		{"slashes and blanks", func(f *runFlags) { f.Hostname = "a/b" }},
		{"slashes and blanks", func(f *runFlags) { f.Hostname = "a b" }},
		{"slashes and blanks", func(f *runFlags) { f.Hostname = "a\x00" }},
		{"a directory", func(f *runFlags) { f.Hostname = ".." }},
		{"the kernel keeps", func(f *runFlags) { f.Hostname = "cgroup.procs" }},
		{"--uid=2000: not in the container's map, which has 0 to 1999", func(f *runFlags) { f.UID = 2000 }},
		{"--gid=5000: not in the container's map", func(f *runFlags) { f.GID = new(5000) }},
		{"--uid=-1: ", func(f *runFlags) { f.UID = -1 }},
		{"overlaps", func(f *runFlags) { f.Map = []string{"0:1:10", "9:100:1"} }},
		{"overlaps", func(f *runFlags) { f.Map = []string{"0:1:10", "100:10:1"} }},
		{"-m /absent-from-here: /absent-from-here: no such file", func(f *runFlags) { f.Mount = new("/absent-from-here") }},
		{"not a directory", func(f *runFlags) { f.Mount = new("/dev/null") }},
		{"the host's own root", func(f *runFlags) { f.Mount = new("//") }},
		{"an empty name", func(f *runFlags) { f.Mount = new("") }},
		{"not an absolute path", func(f *runFlags) { f.Workdir = "tmp" }},
		{"not an absolute path", func(f *runFlags) { f.Workdir = "" }},
		{"--pass-fd=77: the caller has no such descriptor", func(f *runFlags) { f.PassFD = []int{77} }},
		{"--pass-fd=-1: ", func(f *runFlags) { f.PassFD = []int{-1} }},
		{"--memory=1X: ", func(f *runFlags) { f.NoCgroup, f.Memory = false, "1X" }},
		{"--memory=0: nothing runs", func(f *runFlags) { f.NoCgroup, f.Memory = false, "0" }},
		{"no resource group to set it in", func(f *runFlags) { f.Pids = "5" }},
		{"--cpu-weight=max: ", func(f *runFlags) { f.NoCgroup, f.CPUWeight = false, "max" }},
		{"--rlimit=x: ", func(f *runFlags) { f.Rlimit = []string{"x"} }},
		{"--cap-add=x: ", func(f *runFlags) { f.CapAdd = []string{"x"} }},
		{"--seccomp=", func(f *runFlags) { f.Seccomp = "" }},
	} {
		_, err := newConfig(flagsFor(c.change))
		refuses(t, c.why, err, c.why)
	}
}

// TestCapabilityFlags: --cap-add wins, whatever the order.
func TestCapabilityFlags(t *testing.T) {
	c, err := newConfig(flagsFor(func(f *runFlags) { f.CapDrop, f.CapAdd = []string{"ALL"}, []string{"chown", "SYS_NICE"} }))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.keep.names(), " "); got != "CAP_CHOWN CAP_SYS_NICE" {
		t.Errorf("kept: %s", got)
	}
}

// TestAddsInOrder: a path is added before the paths below it.
func TestAddsInOrder(t *testing.T) {
	c, err := newConfig(flagsFor(func(f *runFlags) {
		f.Add, f.Tmpfs = []string{"/dev/null:/a/b/c", "/usr:/a", "/usr:/b"}, []string{"/a/b", "/c"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range c.adds {
		got = append(got, a.target)
	}
	if want := "/a /b /c /a/b /a/b/c"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":             `""`,
		`a"b\c`:        `"a\"b\\c"`,
		"\n\t\r\v\f":   `"\n\t\r\v\f"`,
		"\x00\x01":     `"\0\1"`,
		"\x011":        `"\0011"`, // a digit follows: all three digits
		"\x7f\xc3\xa9": `"\177\303\251"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

// FuzzSplitLine: quoted words come back as they were.
func FuzzSplitLine(f *testing.F) {
	for _, s := range []string{"", "a b", `'a' "b"`, `a\ b`, `"\$x"`, "'", `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitLine(s)
		if err != nil {
			return
		}
		var line strings.Builder
		for _, w := range words {
			line.WriteString("'" + strings.ReplaceAll(w, "'", `'\''`) + "' ")
		}
		again, err := splitLine(line.String())
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q gives %q, and quoted again %q, %v", s, words, again, err)
		}
		if whole, err := splitLine("'" + strings.ReplaceAll(s, "'", `'\''`) + "'"); err != nil || len(whole) != 1 || whole[0] != s {
			t.Errorf("%q, quoted, gives %q, %v", s, whole, err)
		}
	})
}

// FuzzParseSize: a size fits the kernel's signed 64 bits, and is what its digits say.
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
			t.Errorf("%q is %d, and does not begin with a digit", s, n)
		}
		if strings.Trim(s, "0123456789") == "" && n > 0 {
			if k, err := parseSize(s + "k"); err == nil && k != n*1024 {
				t.Errorf("%q is %d, and with a k %d", s, n, k)
			}
		}
	})
}

// FuzzParseAdd: whatever is accepted has a source that is there and a target that
// is a clean path of the container.
func FuzzParseAdd(f *testing.F) {
	for _, s := range []string{"", "/:/x", "/dev/null:/a:ro", `/\::/x`, "/:/..", "/:/a/../b", "/:/proc/1", ":::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAdd(s)
		if err != nil {
			return
		}
		if !filepath.IsAbs(a.target) || filepath.Clean(a.target) != a.target || a.target == "/" || a.target == "/dev" ||
			strings.HasPrefix(a.target+"/", "/proc/") || strings.HasPrefix(a.target+"/", "/sys/") {
			t.Errorf("%q has the target %q", s, a.target)
		}
		if !filepath.IsAbs(a.source) || !exists(a.source) {
			t.Errorf("%q has the source %q", s, a.source)
		}
	})
}

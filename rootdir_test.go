// -a and --tmpfs: what is added to the container, at which place, and in which order.
package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdds checks the values of -a.
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
		a, err := new(config).parseAdd(c.in)
		if err != nil || a.source != c.source || a.target != c.target || a.dir != c.dir || a.readOnly != c.ro || a.device != c.device {
			t.Errorf("new(config).parseAdd(%q) = %+v, %v", c.in, a, err)
		}
	}
	for in, why := range map[string]string{
		"":                "the colon is missing",
		"/etc":            "the colon is missing",
		`/a\:/b`:          "the colon is missing",
		":/x":             "the part before the colon is empty",
		"file:":           "the part after the colon is empty",
		"file:x":          "not an absolute path",
		"file:/":          "the container's /, which -m chooses",
		"file:/.":         "the container's /, which -m chooses",
		"file:/a/../..":   "`..` is not allowed",
		"file:/a/../b":    "`..` is not allowed",
		"file:/x:r":       "after the second colon",
		"file:/x:ro:ro":   "after the second colon",
		"file:/x:":        "after the second colon",
		"absent:/x":       dir + "/absent: no such file",
		"dangling:/x":     dir + "/nowhere: no such file",
		"file/below:/x":   "not a directory",
		"file:/proc":      "/proc, which is the container's own",
		"file:/proc/self": "/proc, which is the container's own",
		"file:/sys/x":     "/sys, which is the container's own",
		"file:/dev":       "/dev, which is the container's own",
	} {
		_, err := new(config).parseAdd(in)
		wantRefusal(t, in, err, why)
		if err != nil && !strings.HasPrefix(err.Error(), "-a "+in+": ") {
			t.Errorf("%q does not name the flag", err)
		}
	}
}

// TestTmpfs checks the values of --tmpfs.
func TestTmpfs(t *testing.T) {
	if a, err := parseTmpfs(`/a\:b/:64M`); err != nil || a.target != "/a:b" || a.size != "67108864" || !a.tmpfs || !a.dir {
		t.Errorf("%+v %v", a, err)
	}
	if a, err := parseTmpfs("/x"); err != nil || a.size != "" {
		t.Errorf("%+v %v", a, err)
	}
	for in, why := range map[string]string{"x": "absolute", "/x:0": "size of 0", "/x:lots": "not a size", "/x:1:2": "not DIR", "/": "-m chooses", "": "absolute"} {
		_, err := parseTmpfs(in)
		wantRefusal(t, in, err, why)
	}
}

// TestAddsInOrder checks that a path is added before the paths below it.
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

// FuzzParseAdd checks that every accepted value has a source that exists and a target that is a
// clean path of the container.
func FuzzParseAdd(f *testing.F) {
	for _, s := range []string{"", "/:/x", "/dev/null:/a:ro", `/\::/x`, "/:/..", "/:/a/../b", "/:/proc/1", ":::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := new(config).parseAdd(s)
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

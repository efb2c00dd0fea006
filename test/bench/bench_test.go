// Tests of the benchmark itself: the floor must do what tincan does, and each section of a short
// run must give what the reader and the chart need. They do not judge any figure.
package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// needs skips the test if this machine lacks a program or root. With MUST_WORK=1 it fails the test
// instead.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("MUST_WORK") == "1" {
		skip = t.Fatalf
	}
	if os.Geteuid() != 0 {
		skip("missing: root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			skip("missing: the program %s", p)
		}
	}
}

// testShop returns a workshop with a tincan that it builds.
func testShop(t *testing.T) *workshop {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // so that another user can reach it
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "tincan")
	build := exec.Command("go", "build", "-o", bin, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	*tincanBin, *mobyFile = bin, "../../testdata/profiles/moby-default.json"
	s, err := openWorkshop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestQuick runs every section for a moment. It checks that there are figures, not what they are.
func TestQuick(t *testing.T) {
	needs(t, "gcc", "busybox", "bwrap", "runc")
	sameDevices(t)
	testShop(t) // for the binary
	dir := t.TempDir()
	*quick, *svgFile, *jsonFile = true, filepath.Join(dir, "chart.svg"), filepath.Join(dir, "all.json")
	var printed strings.Builder
	if err := run(&printed); err != nil {
		t.Fatalf("%v\n%s", err, &printed)
	}
	var r struct {
		Tables []struct {
			Section string
			Columns []struct{ Name string }
			Rows    []struct {
				Name   string
				Values []*float64
				Absent string
			}
		}
	}
	b, err := os.ReadFile(*jsonFile)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, table := range r.Tables {
		seen = append(seen, table.Section)
		full := 0
		for _, row := range table.Rows {
			if row.Absent == "" && len(row.Values) != len(table.Columns) {
				t.Errorf("%s, %s: %d values for %d columns", table.Section, row.Name, len(row.Values), len(table.Columns))
			}
			if row.Absent == "" && row.Values[0] != nil && *row.Values[0] > 0 {
				full++
			}
			for _, name := range []string{nameTincan, nameBare, nameFloor, nameBareBase, nameBwrap, "bwrap, filter and caps", nameRunc + noLimits} {
				if row.Name == name && row.Absent != "" {
					t.Errorf("%s: %s is absent: %s", table.Section, name, row.Absent)
				}
			}
		}
		// Docker's profile needs a tincan that accepts a compiled filter, ranges need newuidmap.
		if table.Section == "starts" && (len(table.Rows) != 8 || full < 6) {
			t.Errorf("%d of %d targets have a figure", full, len(table.Rows))
		}
		// These two need qemu, and a perf that the kernel allows to record.
		if full == 0 && table.Section != "boot" && table.Section != "where" {
			t.Errorf("%s: no row has a figure", table.Section)
		}
	}
	if !slices.Equal(seen, sectionNames()) {
		t.Errorf("sections %q, want %q", seen, sectionNames())
	}
	t.Logf("\n%s", &printed)
	checkChart(t, *svgFile)
}

// checkChart checks that the chart is XML, that everything lies inside of it, and that the bars are
// sorted by length.
func checkChart(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var svg struct {
		Width  float64 `xml:"width,attr"`
		Height float64 `xml:"height,attr"`
		Rects  []struct {
			X     float64 `xml:"x,attr"`
			Y     float64 `xml:"y,attr"`
			Width float64 `xml:"width,attr"`
		} `xml:"rect"`
		Texts []struct {
			Class string  `xml:"class,attr"`
			Y     float64 `xml:"y,attr"`
			Text  string  `xml:",chardata"`
		} `xml:"text"`
	}
	if err := xml.Unmarshal(b, &svg); err != nil {
		t.Fatal(err)
	}
	bars, last := 0, 0.0
	for _, r := range svg.Rects[1:] {
		bars++
		if r.Width < last || r.Width <= 0 || r.X+r.Width > svg.Width || r.Y > svg.Height {
			t.Errorf("bar %d: %+v in a chart of %v x %v, after a bar of %v", bars, r, svg.Width, svg.Height, last)
		}
		last = r.Width
	}
	names := 0
	for _, x := range svg.Texts {
		if strings.HasPrefix(x.Class, "name") {
			names++
		}
		if x.Y > svg.Height {
			t.Errorf("this text is below the chart's edge: %q", x.Text)
		}
	}
	if bars < 4 || names != bars {
		t.Errorf("there are %d bars and %d names", bars, names)
	}
}

// TestQuantiles checks the statistics.
func TestQuantiles(t *testing.T) {
	v := []float64{4, 1, 3, 2, 5}
	for p, want := range map[float64]figure{0: 1, 0.25: 2, 0.5: 3, 0.75: 4, 1: 5, 0.125: 1.5} {
		if got := quantile(v, p); got != want {
			t.Errorf("quantile %v of %v: %v, want %v", p, v, got, want)
		}
	}
	if q1, q3 := spread([]float64{2, 4, 6}, []float64{1, 1, 1}); q1 != 3 || q3 != 5 {
		t.Errorf("spread: %v to %v", q1, q3)
	}
	if !isMissing(median(nil)) || !isMissing(ratio(v, nil)) {
		t.Error("the figure of no measurements is not missing")
	}
}

// TestStepsInC checks that a step becomes the right C, and that a step which cannot be translated
// is an error.
func TestStepsInC(t *testing.T) {
	for _, c := range []struct {
		step planStep
		want string
	}{
		{planStep{Number: 1, Actor: "child", Text: `mount("a,\")(", "/b", NULL, MS_REC|MS_BIND, NULL)`, Tolerated: "ENOENT"},
			`STEP(1, ENOENT, mount, (long)("a,\")("), (long)("/b"), (long)(NULL), (long)(MS_REC|MS_BIND), (long)(NULL), 0L);`},
		{planStep{Number: 2, Actor: "child", Text: "clone(child_stack=STACK, flags=CLONE_VM|SIGCHLD)"}, "FORK(2, CLONE_VM|SIGCHLD);"},
		{planStep{Number: 3, Actor: "command", Text: `execve("/x", ["/x", "a b"], ENVP /* 3 vars */)`},
			`STEP(3, 0, execve, (long)("/x"), (long)((char *[]){"/x", "a b", NULL}), (long)(ENVP), 0L, 0L, 0L);`},
		{planStep{Number: 4, Actor: "host", Text: `write("/proc/PID/uid_map", "0 1 2\n")`}, `host_write(4, "/proc/PID/uid_map", "0 1 2\n");`},
		{planStep{Number: 5, Actor: "host", Text: `mkdir("/a", "/b")`}, `HOST(5, mkdir("/a", 0755));HOST(5, mkdir("/b", 0755));`},
		{planStep{Number: 6, Actor: "host", Text: `quotactl("/a")`}, ""},
		{planStep{Number: 7, Actor: "child", Text: `bpf({unheard_of=1})`}, ""},
		{planStep{Number: 8, Actor: "child", Text: `chdir("/)`}, ""},
	} {
		got, err := cStep(c.step)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s:\n%s, %v\nwant\n%s", c.step.Text, got, err, c.want)
		}
	}
}

// TestBoots checks that the table of test/vm/boottime is read.
func TestBoots(t *testing.T) {
	table := &table{Columns: []column{{"lowest", 0}, {"median", 0}, {"highest", 0}, {"of busybox", 2}}}
	text := "Linux 6.12 under qemu (TCG), 3 boots each\n" +
		"                                         lowest     median    highest    times\n" +
		"tincan, no container                        91 ms        9 ms      111 ms     1.20\n"
	if err := table.readBoots(text); err != nil {
		t.Fatal(err)
	}
	if got := table.value("tincan, no container", "median"); got != 9 || len(table.Rows) != 1 || len(table.Notes) != 1 {
		t.Errorf("%+v", table)
	}
	if err := table.readBoots("nothing"); err != nil {
		t.Error(err) // the table already has a row
	}
	table.Rows = nil
	if err := table.readBoots("nothing"); err == nil {
		t.Error("a table without figures is not an error")
	}
}

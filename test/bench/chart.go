// The chart: one bar for each contender, as SVG. It has its own light background, so that it looks
// the same on a dark page.

package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// Sizes in units of the drawing.
const (
	chartWide = 800
	barsLeft  = 196 // the names end and the bars begin here
	barsRight = 610 // the longest bar ends here
	rowHigh   = 30
	barHigh   = 18
	headHigh  = 84
)

// chartStyle is the style sheet of the chart.
const chartStyle = `text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2933}
.title{font-size:20px;font-weight:600}.sub{font-size:14px;fill:#52606d}.name{font-size:14px;text-anchor:end}.us{font-weight:700}
.value{font-size:14px}.ratio{font-size:13px;fill:#52606d}.foot{font-size:12px;fill:#52606d}.tick{font-size:12px;fill:#7b8794;text-anchor:middle}`

// color returns a bar's colour: one for tincan, one for the floor, one for the others.
func color(name string) string {
	switch {
	case strings.HasPrefix(name, "tincan"):
		return "#0b7a75"
	case strings.HasPrefix(name, "floor"):
		return "#b8c4ce"
	}
	return "#d9873a"
}

// writeChart draws the table of the section true.
func (r *results) writeChart(file string) error {
	t := r.table("true")
	if t == nil {
		progress("%s is not written: the chart shows the section true, which was not measured", file)
		return nil
	}
	return os.WriteFile(file, []byte(r.chart(t)), 0o644)
}

// chart returns the chart of a table.
func (r *results) chart(t *table) string {
	rows := slices.DeleteFunc(slices.Clone(t.Rows), func(r row) bool { return r.Absent != "" })
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(t.value(a.Name, colWall), t.value(b.Name, colWall)) })
	longest := 0.0
	for _, row := range rows {
		longest = max(longest, float64(t.value(row.Name, colQ3)))
	}
	step := tickStep(longest)
	x := func(ms figure) float64 {
		return barsLeft + float64(ms)/longest*(barsRight-barsLeft)
	}
	bottom := headHigh + len(rows)*rowHigh
	foot := wrap(r.footnotes(t), 118)
	high := bottom + 34 + len(foot)*17 + 8

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n<style>%s</style>\n",
		chartWide, high, chartWide, high, escape(r.summary(t)), chartStyle)
	fmt.Fprintf(&b, `<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#ffffff" stroke="#d5dce3"/>`+"\n", chartWide-1, high-1)
	fmt.Fprintf(&b, `<text class="title" x="24" y="36">Running /bin/true in a container</text>`+"\n")
	fmt.Fprintf(&b, `<text class="sub" x="24" y="58">milliseconds for the whole process, medians; the thin line is the middle half of the runs; less is better</text>`+"\n")
	for ms := 0.0; ms <= longest; ms += step {
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#e4e9ed"/><text class="tick" x="%.1f" y="%d">%.4g</text>`+"\n",
			x(figure(ms)), headHigh-8, bottom, x(figure(ms)), bottom+16, ms)
	}
	for i, row := range rows {
		b.WriteString(bar(t, row.Name, headHigh+i*rowHigh, x))
	}
	for i, line := range foot {
		fmt.Fprintf(&b, `<text class="foot" x="24" y="%d">%s</text>`+"\n", bottom+40+i*17, escape(line))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// bar returns the bar of a contender, whose top edge is at top. x returns the place of a time.
func bar(t *table, name string, top int, x func(figure) float64) string {
	var b strings.Builder
	wall, q1, q3 := t.value(name, colWall), t.value(name, colQ1), t.value(name, colQ3)
	class := ""
	if strings.HasPrefix(name, "tincan") {
		class = " us"
	}
	middle := top + barHigh/2
	fmt.Fprintf(&b, `<text class="name%s" x="%d" y="%d">%s</text>`, class, barsLeft-10, middle+5, escape(name))
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, barsLeft, top, x(wall)-barsLeft, barHigh, color(name))
	fmt.Fprintf(&b, `<path d="M%.1f %dv8m0-4H%.1fm0-4v8" stroke="#1f2933" stroke-width="1.2" fill="none"/>`, x(q1), middle-4, x(q3))
	fmt.Fprintf(&b, `<text class="value%s" x="%.1f" y="%d">%.1f ms`, class, x(max(wall, q3))+8, middle+5, float64(wall))
	if of := t.value(name, colOfBwrap); !isMissing(of) && name != nameBwrap {
		fmt.Fprintf(&b, `<tspan class="ratio" font-weight="400" dx="8">%.2f of bwrap</tspan>`, float64(of))
	}
	b.WriteString("</text>\n")
	return b.String()
}

// tickStep returns a step of 1, 2 or 5 times a power of ten that gives four to ten ticks.
func tickStep(longest float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(longest)))
	for _, by := range []float64{5, 2, 1} {
		if longest/(step/by) <= 10 {
			return step / by
		}
	}
	return step
}

// footnotes returns what the bars cannot show: who does less, who is absent, and on which machine
// it ran.
func (r *results) footnotes(t *table) []string {
	lines := []string{"floor: a C program that makes the system calls of tincan's own plan, and nothing else. tincan sets up namespaces, ids, capabilities, a filter " +
		"and, without --no-cgroup, limits; bwrap, unshare and firejail do less of that."}
	var why []string
	who := map[string][]string{}
	for _, row := range t.Rows {
		if row.Absent != "" {
			if who[row.Absent] == nil {
				why = append(why, row.Absent)
			}
			who[row.Absent] = append(who[row.Absent], row.Name)
		}
	}
	for _, w := range why {
		lines = append(lines, "Not measured: "+strings.Join(who[w], "; ")+": "+w)
	}
	lines = append(lines, fmt.Sprintf("%d runs of each, interleaved in random order.", r.Rounds))
	for _, n := range t.Notes {
		if strings.HasPrefix(n, notAlone) {
			lines = append(lines, n)
		}
	}
	return append(lines, r.Conditions...)
}

// summary describes the chart for readers who cannot see it.
func (r *results) summary(t *table) string {
	var parts []string
	for _, row := range t.Rows {
		if row.Absent == "" {
			parts = append(parts, fmt.Sprintf("%s %.1f ms", row.Name, float64(t.value(row.Name, colWall))))
		}
	}
	return "Time to run /bin/true in a container: " + strings.Join(parts, ", ")
}

// wrap breaks lines at blanks so that they have at most wide bytes.
func wrap(lines []string, wide int) (out []string) {
	for _, line := range lines {
		now := ""
		for _, w := range strings.Fields(line) {
			if now != "" && len(now)+1+len(w) > wide {
				out, now = append(out, now), ""
			}
			if now != "" {
				now += " "
			}
			now += w
		}
		out = append(out, now)
	}
	return out
}

// escape returns the text as XML.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

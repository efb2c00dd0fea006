// The figures as tables, printed and as JSON.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// results are all figures of one run.
type results struct {
	Date       string   `json:"date"`
	Rounds     int      `json:"rounds"`
	Conditions []string `json:"conditions"`
	Tables     []*table `json:"tables"`
}

// table has the figures of a section.
type table struct {
	Section string   `json:"section"`
	Title   string   `json:"title"`
	Columns []column `json:"columns"`
	Rows    []row    `json:"rows"`
	Notes   []string `json:"notes,omitempty"`
}

// column has a heading, and the number of digits after the point.
type column struct {
	Name   string `json:"name"`
	digits int
}

// row has the figures of a contender or of a size, by column.
type row struct {
	Name   string   `json:"name"`
	Values []figure `json:"values,omitempty"`
	Absent string   `json:"absent,omitempty"` // why there are no figures
}

// figure is a number, or NaN if it is missing. JSON has null instead of NaN.
type figure float64

// missing is the figure that is not there.
var missing = figure(math.NaN())

// MarshalJSON implements json.Marshaler.
func (f figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) {
		return []byte("null"), nil
	}
	return json.Marshal(math.Round(float64(f)*1e6) / 1e6)
}

// add adds a row of figures.
func (t *table) add(name string, values ...figure) {
	t.Rows = append(t.Rows, row{Name: name, Values: values})
}

// absent adds a row without figures, and says why there are none.
func (t *table) absent(name, why string) {
	t.Rows = append(t.Rows, row{Name: name, Absent: why})
}

// note adds a line below the table.
func (t *table) note(format string, a ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, a...))
}

// value returns the figure in a row and a column, or missing.
func (t *table) value(name, column string) figure {
	for _, r := range t.Rows {
		for i, c := range t.Columns {
			if r.Name == name && c.Name == column && i < len(r.Values) {
				return r.Values[i]
			}
		}
	}
	return missing
}

// print prints the table.
func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "## %s\n\n", t.Title)
	wide := 0
	for _, r := range t.Rows {
		wide = max(wide, len(r.Name))
	}
	fmt.Fprintf(w, "%-*s", wide, "")
	for _, c := range t.Columns {
		fmt.Fprintf(w, "  %*s", max(len(c.Name), 8), c.Name)
	}
	fmt.Fprintln(w)
	for _, r := range t.Rows {
		fmt.Fprintf(w, "%-*s", wide, r.Name)
		if r.Absent != "" {
			fmt.Fprintf(w, "  %s", r.Absent)
		}
		for i, v := range r.Values {
			text := "-"
			if !math.IsNaN(float64(v)) {
				text = fmt.Sprintf("%.*f", t.Columns[i].digits, float64(v))
			}
			fmt.Fprintf(w, "  %*s", max(len(t.Columns[i].Name), 8), text)
		}
		fmt.Fprintln(w)
	}
	for _, n := range t.Notes {
		fmt.Fprintln(w, "  "+n)
	}
	fmt.Fprintln(w)
}

// table returns the table of a section, or nil.
func (r *results) table(section string) *table {
	for _, t := range r.Tables {
		if t.Section == section {
			return t
		}
	}
	return nil
}

// writeJSON writes a value to a file as JSON.
func writeJSON(file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}

// oneLine returns the first line of what a program printed, short enough for a table.
func oneLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if len(line) > 160 {
		line = line[:160] + "..."
	}
	return line
}

// Command bench measures what a container costs: with tincan, with the tools that people would use
// instead, and with the floor, a C program that makes the calls of tincan's own plan and nothing
// else. All are interleaved in one run, so that they run under the same conditions.
//
// `make bench` runs it, as root, on a machine that does nothing else. It prints a table for each
// section, and writes a chart (-svg) and all figures (-json). It names the tools that are not
// installed, and leaves them out. docs/performance.md says how each figure is measured.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The flags.
var (
	tincanBin = flag.String("tincan", "./tincan", "the binary to measure")
	rounds    = flag.Int("rounds", 200, "number of rounds; a round is one run of each contender")
	warmUp    = flag.Int("warm-up", 10, "rounds before these that are not counted")
	most      = flag.Int("most", 1000, "the largest number of containers at a time, and of mounts")
	patience  = flag.Duration("patience", time.Minute, "how long each section may wait, and measure again, while other programs run")
	quick     = flag.Bool("quick", false, "a few rounds of everything: shows that the benchmark works, the figures mean nothing")
	only      = flag.String("sections", "", "only these sections, separated by commas: "+strings.Join(sectionNames(), ","))
	svgFile   = flag.String("svg", "", "file for the chart")
	who       = flag.String("who", "", "only these contenders, separated by commas; the beginning of a name suffices")
	jsonFile  = flag.String("json", "", "file for all figures")
	mobyFile  = flag.String("moby", "testdata/profiles/moby-default.json", "moby's default profile, as JSON")
)

// section is a name for -sections, and the function that measures a table.
type section struct {
	name    string
	measure func(*bench) (*table, error)
}

// sections returns the sections in the order in which they are measured.
func sections() []section {
	return []section{
		{"starts", starts},
		{"scale", besideSleepers},
		{"limits", limits},
		{"true", wholeRuns},
		{"user", userRuns},
		{"first", firstInstruction},
		{"steps", stepCosts},
		{"where", whereItGoes},
		{"without", without},
		{"memory", heldContainers},
		{"parallel", inParallel},
		{"mounts", mountsGrow},
		{"env", environmentGrows},
		{"profile", profileGrows},
		{"filter", filterCost},
		{"record", recordCost},
		{"boot", bootToCommand},
	}
}

// sectionNames returns the names of the sections. It cannot call sections, because the flags are
// initialized with it.
func sectionNames() (names []string) {
	return []string{"starts", "scale", "limits", "true", "user", "first", "steps", "where", "without", "memory", "parallel", "mounts", "env", "profile", "filter", "record", "boot"}
}

// bench is what the sections have in common.
type bench struct {
	*workshop
	trues   []*contender // every way to run /bin/true in a container, present or not
	results results
}

// scaled returns n, or 1 with -quick.
func scaled(n int) int {
	if *quick {
		return 1
	}
	return n
}

// progress prints a line on standard error.
func progress(format string, a ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", a...) }

func main() {
	flag.Parse()
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the sections and writes the results.
func run(out io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("not root: the benchmark compares root's containers")
	}
	wanted := strings.Split(*only, ",")
	for _, name := range wanted {
		if *only != "" && !slices.Contains(sectionNames(), name) {
			return fmt.Errorf("-sections=%s: no such section; there are %s", name, strings.Join(sectionNames(), ", "))
		}
	}
	if *quick {
		*rounds, *warmUp, *most, *patience = 1, 0, min(*most, 10), 0
	}
	shop, err := openWorkshop()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	// An interrupt ends the containers that sleep, because their standard input ends with this
	// process, and removes the directory.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM)
	go func() {
		<-stop
		shop.close()
		os.Exit(130)
	}()

	b := &bench{workshop: shop}
	b.trues = shop.contenders("/bin/true")
	b.results.Date = time.Now().UTC().Format(time.DateOnly)
	b.results.Rounds = *rounds
	b.results.Conditions = conditions()
	for _, s := range sections() {
		if *only != "" && !slices.Contains(wanted, s.name) {
			continue
		}
		begin := time.Now()
		watching = watch{patience: *patience}
		t, err := s.measure(b)
		progress("section %s: %.0f s", s.name, time.Since(begin).Seconds())
		if err != nil {
			return fmt.Errorf("section %s: %w", s.name, err)
		}
		t.Section = s.name
		watching.note(t)
		b.results.Tables = append(b.results.Tables, t)
		t.print(out)
	}
	for _, line := range b.results.Conditions {
		fmt.Fprintln(out, line)
	}
	if *svgFile != "" {
		if err := b.results.writeChart(*svgFile); err != nil {
			return err
		}
	}
	if *jsonFile != "" {
		if err := writeJSON(*jsonFile, &b.results); err != nil {
			return err
		}
	}
	return nil
}

// Section boot: tincan as a machine's PID 1, from the start of /init to the command.
//
// test/vm/boottime measures it in a virtual machine. This file reads its table.

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// bootProgram is the package of the program that measures.
const bootProgram = "tincan/test/vm/boottime"

// bootLine matches a line of its table: a name, then the lowest, the median and the highest time,
// and a ratio.
var bootLine = regexp.MustCompile(`^(\S.*?) {2,}(\d+) ms +(\d+) ms +(\d+) ms +([\d.]+)$`)

// bootToCommand measures the section.
func bootToCommand(b *bench) (*table, error) {
	t := &table{Title: "A machine's boot: from the start of /init to the command's first instruction, in ms",
		Columns: []column{{"lowest", 0}, {"median", 0}, {"highest", 0}, {"of busybox", 2}}}
	if *quick {
		t.absent("all", "left out with -quick, because it boots machines")
		return t, nil
	}
	if err := exec.Command("go", "list", bootProgram).Run(); err != nil {
		t.absent("all", "not found: "+bootProgram)
		return t, nil
	}
	var errs strings.Builder
	cmd := exec.Command("go", "run", bootProgram, "-n", strconv.Itoa(max(3, *rounds/20)))
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.absent("all", fmt.Sprintf("%v: %s", err, oneLine(errs.String())))
		return t, nil
	}
	return t, t.readBoots(string(out))
}

// readBoots reads the table. Other lines become notes.
func (t *table) readBoots(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		m := bootLine.FindStringSubmatch(line)
		if m == nil {
			if line != "" && !strings.HasPrefix(line, "lowest") {
				t.note("%s", line)
			}
			continue
		}
		var v []figure
		for _, s := range m[2:] {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return err
			}
			v = append(v, figure(f))
		}
		t.add(m[1], v...)
	}
	if len(t.Rows) == 0 {
		return fmt.Errorf("%s printed no figures: %s", bootProgram, oneLine(text))
	}
	return nil
}

// Chapters 1 to 4: what is said of a command line that is wrong.
//
// Differs from the tutorial: it prints the usage.

package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// otherFlags are what other tools call what tincan has.
var otherFlags = [...]struct{ theirs, ours string }{
	{"-v --volume --bind --ro-bind --bind-ro -b", "-a HOST:CONTAINER adds a directory or file of the host; --version prints the version"},
	{"--version -V", "tincan version"},
	{"--rootfs --root --chroot --directory -D --image", "-m DIR is the root directory"},
	{"--cwd --chdir --dir --pwd", "--workdir=DIR (-w) is the directory that the command starts in"},
	{"--user --setuid", "-u N|NAME[:GROUP]"},
	{"--group --setgid -g", "--gid=N, or -u NAME:GROUP"},
	{"--name -n", "--hostname=NAME"},
	{"--setenv", "-e NAME=VALUE"},
	{"--network --share-net --unshare-net", "--net=none or --net=host"},
	{"--read-only --readonly -r", "--ro makes the root read-only"},
	{"--cap --capabilities --privileged", "--cap-add=CAP, --cap-drop=CAP, --caps=docker"},
	{"--security-opt", "--seccomp=FILE, --apparmor=PROFILE"},
	{"--memory-limit --mem", "--memory=SIZE"},
	{"--pids-limit --pids-max", "--pids=N"},
	{"--cpu-shares", "--cpu-weight=N"},
	{"--ulimit", "--rlimit=NAME=SOFT[:HARD]"},
	{"--time --time-limit -t --tty -i --interactive -it --rm", "a terminal is handed over by itself, and nothing is left behind; a time limit is --timeout=DURATION"},
	{"--json-status-fd", "--status-fd=N"},
	{"--verbose", "--debug (-d)"},
}

// unknownFlag is the error for a flag that tincan does not have.
func unknownFlag(flag string) error {
	for _, o := range otherFlags {
		if slices.Contains(strings.Fields(o.theirs), flag) {
			return fmt.Errorf("%s: no such flag: %s; see tincan run --help", flag, o.ours)
		}
	}
	var names []string
	for i := range flagTable {
		names = append(names, "--"+flagTable[i].name)
	}
	if near := nearest(flag, names); near != "" {
		return fmt.Errorf("%s: no such flag; did you mean %s? See tincan run --help", flag, spelling(rowNamed(near[2:])))
	}
	return fmt.Errorf("%s: no such flag; see tincan run --help (what belongs to the command stands behind it, or behind --)", flag)
}

// nearest returns the word that differs from s by one or two letters, or begins with it; or "".
func nearest(s string, words []string) string {
	best, most := "", 3
	for _, w := range words {
		if d := distance(s, w); d < most && d < len(s)/2 {
			best, most = w, d
		}
	}
	for _, w := range words {
		if best == "" && len(s) > 4 && strings.HasPrefix(w, s) {
			best = w
		}
	}
	return best
}

// distance is how many letters must be inserted, deleted, changed or swapped with the next to
// make b of a (Damerau and Levenshtein's).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := range rows[i] {
			switch {
			case i == 0:
				rows[i][j] = j
			case j > 0 && a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			case j > 0:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					rows[i][j] = min(rows[i][j], 1+rows[i-2][j-2])
				}
			}
		}
	}
	return rows[len(a)][len(b)]
}

// spelling is a flag with what its value looks like: --memory=SIZE.
func spelling(row int) string {
	t := &flagTable[row]
	name := "--" + t.name
	for _, v := range []reflect.Type{reflect.TypeFor[runFlags](), reflect.TypeFor[planFlags]()} {
		for i := range v.NumField() {
			if f := v.Field(i); f.Offset == t.field && f.Tag.Get("placeholder") != "" && (v.Name() == "planFlags") == (t.owner == ofPlan) {
				return name + "=" + f.Tag.Get("placeholder")
			}
		}
	}
	return name
}

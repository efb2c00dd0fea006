// Chapters 1 to 4: words that tincan does not have, and what may have been meant.
//
// Differs from the tutorial: it prints the usage.

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
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
	{"--time --time-limit -t --tty -i --interactive -it --rm", "the command gets the terminal, and everything is removed at the end, without a flag; --timeout=DURATION is a time limit"},
	{"--json-status-fd", "--status-fd=N"},
	{"--verbose", "--debug (-d)"},
}

// unknownFlag returns an error text for a flag that tincan does not have. It names the flag that
// was probably meant.
func unknownFlag(flag string, have []*kong.Flag) string {
	for _, o := range otherFlags {
		if slices.Contains(strings.Fields(o.theirs), flag) {
			return flag + ": no such flag: " + o.ours
		}
	}
	var names []string
	for _, f := range have {
		names = append(names, "--"+f.Name)
	}
	if near := nearest(flag, names); near != "" {
		return fmt.Sprintf("%s: no such flag; did you mean %s?", flag, spelling(have[slices.Index(names, near)]))
	}
	return flag + ": no such flag (a flag of the command itself belongs after the command: tincan -- COMMAND " + flag + ")"
}

// tincan record --apparmor-out: an AppArmor profile that allows the files of a recording. man 5
// apparmor.d, man 8 apparmor_parser.
//
// The profile has a name, but no path to attach to: `tincan --apparmor=NAME` enters it. Some
// directories are allowed as whole trees: those of libraries and of what is installed beside them,
// which hold no secrets; those for temporary files, whose names differ from run to run; and
// directories of which many files were used. All other files are listed one by one.

package main

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// Trees of installed programs, which hold no secrets: if one file in them was read, all may be
// read. The first six are directories of libraries, for which the profile has a single rule.
var publicTrees = [...]string{"/usr/lib/", "/lib/", "/lib64/", "/usr/lib64/", "/lib32/", "/usr/lib32/", "/usr/share/", "/usr/include/", "/usr/local/lib/", "/usr/local/share/"}

// Directories for temporary files.
var temporary = [...]string{"/tmp/", "/var/tmp/", "/dev/shm/"}

// If this many files of a directory, or of a tree, were used in the same way, one rule stands for
// all of them.
const (
	manyFiles = 8
	manyBelow = 32
)

// anyNumber is the pattern for the id of a process or thread.
const anyNumber = "[0-9]*"

// shared replaces the ids of processes and threads in a path of /proc by a pattern.
func shared(file string) string {
	rest, is := strings.CutPrefix(file, "/proc/")
	if !is {
		return file
	}
	words := strings.Split(rest, "/")
	for i, w := range words {
		if _, number := number(w); i < 3 && (number || w == "self" || w == "thread-self") && (i == 0 || words[i-1] == "task") {
			words[i] = anyNumber
		}
	}
	return "/proc/" + strings.Join(words, "/")
}

// network adds the rule that allows a socket of this family and type.
func (f *fileUses) network(family, kind uint64) {
	family &= 0xffffffff
	var rule string
	switch family {
	case unix.AF_UNIX:
		rule = "unix,"
	case unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET:
		kinds := map[uint64]string{unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "dgram", unix.SOCK_RAW: "raw", unix.SOCK_SEQPACKET: "seqpacket"}
		rule = fmt.Sprintf("network %s %s,", map[uint64]string{unix.AF_INET: "inet", unix.AF_INET6: "inet6", unix.AF_NETLINK: "netlink", unix.AF_PACKET: "packet"}[family], kinds[kind])
	default:
		return
	}
	f.networks[rule] = true
}

// globbed returns the files and patterns of the profile, and what may be done to each.
func (f *fileUses) globbed() map[string]int {
	out, direct, below := map[string]int{}, map[inDir]int{}, map[inDir]int{}
	for file, done := range f.files {
		dir := path.Dir(strings.TrimSuffix(file, "/"))
		direct[inDir{done, dir}]++
		below[inDir{done, highest(dir)}]++
	}
	for file, done := range f.files {
		if !unwritable(file) {
			out[f.rule(file, done, direct, below)] |= done
		}
	}
	return out
}

// inDir is a directory and a way to use files: the key for counting them.
type inDir struct {
	done int
	dir  string
}

// highest returns the first two parts of a directory's path, such as /usr/lib, or "" if it has
// only one. Rules for whole trees are made at this level.
func highest(dir string) string {
	for i, slashes := 0, 0; i < len(dir); i++ {
		if dir[i] == '/' {
			if slashes++; slashes == 3 {
				return dir[:i]
			}
		}
	}
	if strings.Count(dir, "/") < 2 {
		return ""
	}
	return dir
}

// unwritable reports whether a path has a control character, such as a line break. The profile
// consists of lines, so such a path could add a rule to it.
func unwritable(file string) bool {
	return strings.ContainsFunc(file, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// leftOut returns how many files are missing from the profile because of their names.
func (f *fileUses) leftOut() (n int) {
	for file := range f.files {
		if unwritable(file) {
			n++
		}
	}
	return n
}

// rule returns the pattern that allows a file.
func (f *fileUses) rule(file string, done int, direct, below map[inDir]int) string {
	if file == "/proc" || strings.HasPrefix(file, "/proc/") {
		words := strings.Split(file, "/")
		for i, w := range words {
			if w != anyNumber || i != 2 && !(i == 4 && words[3] == "task") {
				words[i] = escaped(w)
			}
		}
		return strings.Join(words, "/") + "{,/}" // a slash at the end, in case that it is a directory
	}
	for _, tree := range temporary {
		if strings.HasPrefix(file, tree) {
			return tree + "**"
		}
	}
	if done&^(useRead|useMap) == 0 {
		for i, tree := range publicTrees {
			if strings.HasPrefix(file, tree) && i < 6 {
				return libraries
			} else if strings.HasPrefix(file, tree) {
				return tree + "**"
			}
		}
	}
	if done&useExec != 0 || strings.HasPrefix(file, "/etc/") || strings.HasPrefix(file, "/dev/") || strings.HasSuffix(file, "*") {
		return escaped(file)
	}
	rule := escaped(file)
	dir := path.Dir(strings.TrimSuffix(file, "/"))
	if direct[inDir{done, dir}] >= manyFiles && dir != "/" {
		rule = escaped(dir) + "/*"
		if strings.HasSuffix(file, "/") {
			rule += "/"
		}
	}
	if dir = highest(dir); dir != "" && below[inDir{done, dir}] >= manyBelow {
		rule = escaped(dir) + "/**"
	}
	return rule
}

// libraries is a rule of every profile. The kernel maps a program's dynamic loader without a call
// that the recorder could see.
const libraries = "/{usr/,}lib{,32,64,x32}/**"

// escaped returns a path in AppArmor's syntax. Patterns that tincan made itself stay as they are.
// A byte that the syntax cannot express becomes ?, which matches any byte.
func escaped(file string) string {
	if dir, is := strings.CutSuffix(file, "/#*"); is { // O_TMPFILE
		return escaped(dir) + "/#*"
	}
	var b strings.Builder
	for i := range len(file) {
		switch c := file[i]; {
		case strings.IndexByte(`*?[]{}^"\`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c <= ' ' || c >= 0x7f || c == ',' || c == '!':
			b.WriteByte('?')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// profileName returns the name of the profile: tincan-, and the file's name up to its first dot.
func profileName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, "tincan-"+name)
}

// appArmor returns the text of the profile. held are the container's capabilities.
func (r *recorder) appArmor(name string, held []string) string {
	f := r.file
	for _, p := range r.programs {
		if strings.HasPrefix(p.name, "/") {
			f.files[p.name] |= useRead | useMap | useExec // mostPrograms bounds their number
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Recorded by tincan: an observation, not a proof. Load it with apparmor_parser -r FILE.\n\nprofile %s flags=(attach_disconnected,mediate_deleted) {\n", name)
	for _, c := range held {
		fmt.Fprintf(&b, "  capability %s,\n", strings.ToLower(strings.TrimPrefix(c, "CAP_")))
	}
	var rules []string
	for rule := range f.networks {
		rules = append(rules, rule)
	}
	rules = append(rules, "signal (send, receive) peer="+name+",", "signal (receive) peer=unconfined,", "ptrace peer="+name+",")
	sort.Strings(rules)
	fmt.Fprintf(&b, "  %s\n\n", strings.Join(rules, "\n  "))
	files := f.globbed()
	files[libraries] |= useRead | useMap
	files["/dev/{null,zero,full,random,urandom,tty,console}"] |= useRead | useWrite
	files["/dev/{pts/,ptmx,pts/*}"] |= useRead | useWrite
	var lines []string
	for rule, done := range files {
		// ix: programs that the command executes stay under this profile.
		lines = append(lines, rule+" "+strings.Replace(letters(done), "x", "ix", 1)+",")
	}
	sort.Strings(lines)
	fmt.Fprintf(&b, "  %s\n}\n", strings.Join(lines, "\n  "))
	return b.String()
}

// `tincan plan` must print what `strace -f` shows that the container does, in the same order.
package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// planLine is an element of `tincan plan --json`.
type planLine struct {
	Actor, Call, Text, Tolerated string
}

// TestPlanIsWhatHappens compares the plans of many command lines with strace's output.
func TestPlanIsWhatHappens(t *testing.T) {
	notForRanges(t, "newuidmap, which is a set-user-ID program, does not work under a user's strace; TestUserPlan uses root's strace")
	strace := needProgram(t, "strace")
	dir := tree(t)
	added := t.TempDir()
	mkdir(t, filepath.Join(added, "in"))
	noLeaks(t, dir, added)
	command := []string{"--", "/bin/true"}
	m := []string{"-m", dir}
	for name, flags := range map[string][]string{
		"tree":       m,
		"no-init":    append(m, "--no-init"),
		"ro":         append(m, "--ro"),
		"user":       append(m, otherUser()...),
		"added":      append(m, "-a", added+":/a:ro", "-a", "/etc/passwd:/b/passwd", "-a", "/dev/zero:/dev/zzz", "--tmpfs=/a/in:4M", "--tmpfs=/t"),
		"limits":     append(m, "--rlimit=core=0", "--rlimit=fsize=1M:1G", "--rlimit=nofile=10:20", "--rlimit=cpu=max", "--memory=64M", "--pids=max"),
		"bare":       append(m, "--no-cgroup", "--net=host", "--seccomp=none"),
		"caps":       append(m, "--cap-add=SYS_ADMIN", "--cap-drop=CHOWN", "-w", "/etc"),
		"all caps":   append(m, "--cap-add=ALL"),
		"no caps":    append(m, "--cap-drop=ALL"),
		"ephemeral":  append(m, "--ephemeral", "-a", added+":/new/a"),
		"gone":       {"--ephemeral", "-a", added + ":/usr/local/new/a"},
		"idmapped":   append(m, idmapped(t, added)...),
		"odd names":  append(m, "--hostname=a\"b\\c\x01é", "--tmpfs=/x y\tz"),
		"host":       {"-a", added + ":/tmp/x"},
		"host, path": nil,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "limits" {
				needGroup(t)
			}
			line := command
			if name == "host, path" {
				line = []string{"--", "true", "an argument", "\"\n\x7f"}
			}
			flags := append([]string{}, flags...)
			if name != "odd names" {
				flags = append(flags, "--hostname="+uniqueName())
			}
			comparePlan(t, nil, []string{strace}, append(flags, line...))
		})
	}
}

// idmapped returns flags that add directories of two owners with :idmap. A user adds only his own.
func idmapped(t *testing.T, added string) []string {
	other := t.TempDir()
	if asUser == "" {
		os.Chown(other, 4321, 4320)
	}
	return []string{"-a", added + ":/a:idmap", "-a", other + ":/b:ro:idmap"}
}

// otherUser returns flags that run the command as another user than root.
func otherUser() []string {
	switch asUser {
	case "single":
		return []string{"-u", "1000", "--gid=50"}
	case "ranges":
		return []string{"-u", "1000", "--gid=50", fmt.Sprintf("--map=0:%d:1001", grantedFrom+2000)}
	}
	return []string{"-u", "1000", "--gid=50", "--map=0:20000:1001"}
}

// comparePlan compares the plan with strace's output. who is a command that runs plan, strace one
// that begins strace's command line.
func comparePlan(t *testing.T, who, strace, args []string) {
	var plan []planLine
	r := job{before: who, args: append([]string{"plan", "--json"}, args...)}.run(t)
	if err := json.Unmarshal([]byte(r.out), &plan); err != nil {
		t.Fatal(err, r)
	}
	prefix := filepath.Join(t.TempDir(), "trace")
	before := append(strace, "-ff", "-o", prefix, "-s", "65535", "-e", "abbrev=execve", "--signal=none")
	if r := (job{before: before, args: args}).run(t); r.status != 0 {
		t.Fatalf("under strace: %v", r)
	}
	want := map[string][]planLine{}
	for _, l := range plan {
		if l.Actor != "host" {
			want[l.Actor] = append(want[l.Actor], l)
		}
	}
	// The trace of PID 1 has the child's calls, then those of the init or, without an init, those
	// of the command.
	first, second := traces(t, prefix)
	init := len(want["init"]) > 0
	if !init {
		second = first[min(len(first), len(want["child"])):]
	}
	compareCalls(t, "child", want["child"], first)
	if init {
		compareCalls(t, "init", want["init"], first[min(len(first), len(want["child"])):])
	}
	compareCalls(t, "command", untilExec(want["command"], second), second)
	t.Logf("%d calls", len(want["child"])+len(want["init"])+len(want["command"]))
}

// untilExec removes the execve steps after the one that succeeds.
func untilExec(want []planLine, got []string) []planLine {
	for i, g := range got {
		if strings.HasPrefix(g, "execve(") && strings.HasSuffix(g, " = 0") && i < len(want) {
			return want[:i+1]
		}
	}
	return want
}

// traces returns the trace of the container's first process and that of the command. The other
// files are traces of the launcher's threads.
func traces(t *testing.T, prefix string) (first, second []string) {
	t.Helper()
	names, _ := filepath.Glob(prefix + ".*")
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		switch {
		case strings.HasPrefix(lines[0], "prctl(PR_SET_PDEATHSIG, SIGKILL)") && len(lines) > 1 && strings.HasPrefix(lines[1], "close("):
			first = lines
		case (strings.HasPrefix(lines[0], "setpgid(0, 0)") || strings.HasPrefix(lines[0], "setsid()")) && strings.Contains(string(b), "\nexecve("):
			second = lines
		}
	}
	if first == nil {
		t.Fatal("no trace of the container's first process")
	}
	return first, second
}

// pad matches the blanks that strace prints before the result.
var pad = regexp.MustCompile(`\) +(= .*)$`)

// compareCalls compares line by line. A name in capitals in the plan stands for a number, the same
// one every time.
func compareCalls(t *testing.T, who string, want []planLine, got []string) {
	t.Helper()
	known := map[string]string{}
	closed := who == "command" || who == "init" // a strace that is not root cannot read their memory either, and shows addresses
	for i, w := range want {
		if i >= len(got) {
			t.Errorf("%s: the plan has %d calls, strace shows %d; the first that is missing is\n%s", who, len(want), len(got), w.Text)
			return
		}
		line := strings.ReplaceAll(pad.ReplaceAllString(got[i], ") $1"), " /* MS_??? */", "") // what strace prints for 0
		call, result, found := cutLast(line, " = ")
		if !found {
			t.Errorf("%s %d: %s", who, i, line)
			continue
		}
		closed = closed || strings.HasPrefix(w.Text, "prctl(PR_SET_DUMPABLE")
		if closed && asUser != "" {
			w.Text = unreadable(w.Text, call)
		}
		if !matches(w.Text, call, known) {
			t.Errorf("%s %d: the plan and strace differ:\nplan:   %s\nstrace: %s", who, i, w.Text, line)
			return
		}
		if strings.HasPrefix(result, "-1 ") && (w.Tolerated == "" || !strings.HasPrefix(result, "-1 "+w.Tolerated+" ")) {
			t.Errorf("%s %d: failed: %s", who, i, line)
		}
	}
}

// unreadable replaces structures and strings in the plan's text by the addresses that strace shows
// if it cannot read the memory. Numbers stay.
func unreadable(plan, call string) string {
	w, g := splitArgs(plan), splitArgs(call)
	if len(w) != len(g) {
		return plan
	}
	for i := range w {
		if (strings.ContainsAny(w[i][:1], "{[\"") || strings.HasPrefix(w[i], "ENVP")) && address.MatchString(g[i]) {
			w[i] = g[i]
		}
	}
	name, _, _ := strings.Cut(plan, "(")
	return name + "(" + strings.Join(w, ", ") + ")"
}

// address matches an argument that strace shows as an address.
var address = regexp.MustCompile(`^0x[0-9a-f]+( /\* .* \*/)?$`)

// splitArgs splits a call's arguments at the commas outside of brackets and strings.
func splitArgs(call string) (args []string) {
	_, rest, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
	depth, from, quoted := 0, 0, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			args, from = append(args, rest[from:i]), i+2
		}
	}
	return append(args, rest[from:])
}

// cutLast is strings.Cut for the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Names that stand for a descriptor, and for other values that the plan does not know.
var (
	descriptorName = regexp.MustCompile(`\b(SOCKET|PARENT|KEPT|TREE|PLACE|IDMAP2?|OUT[012]|TTY|MEMORY|PIDS|CPU|BLKIO)\b`)
	unknown        = regexp.MustCompile(`ENVP|FILTER|STACK|REPORT-1|REPORT\\\+1`)
)

// matches reports whether a call is the plan's. known has the numbers that names have stood for.
func matches(plan, call string, known map[string]string) bool {
	// A name in quotes is ordinary text.
	outside := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^"]+`)
	var names []string
	pattern := outside.ReplaceAllStringFunc(plan, func(s string) string {
		q := regexp.QuoteMeta(s)
		if strings.HasPrefix(s, `"`) {
			return q
		}
		q = descriptorName.ReplaceAllStringFunc(q, func(n string) string {
			names = append(names, n)
			return `(\d+)`
		})
		return unknown.ReplaceAllString(q, `(?:.+)`)
	})
	pattern = strings.ReplaceAll(pattern, `(?:.+) /\* `, `0x[0-9a-f]+ /\* `)
	m := regexp.MustCompile(`(?s)^` + pattern + `$`).FindStringSubmatch(call)
	if m == nil {
		return false
	}
	for i, n := range names {
		if n == "KEPT" || n == "TREE" || n == "PLACE" {
			continue // stands for the last kept result, which changes
		}
		if was, ok := known[n]; ok && was != m[i+1] {
			return false
		}
		known[n] = m[i+1]
	}
	return true
}

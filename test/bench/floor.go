// The floor: a C program that makes the calls of tincan's plan. It is generated from the plan
// itself.
//
// `tincan plan` prints calls in strace's notation, which is nearly C. What is added is a cast
// before each argument, the names of the structures (floorargs.go), and the code for the launcher's
// steps, which stand for an open, a write and a close. floor.c has the rest.

package main

import (
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

//go:embed programs/floor.c
var floorC string

// planStep is a step of `tincan plan --json`.
type planStep struct {
	Number    int    `json:"number"`
	Chapter   int    `json:"chapter"`
	Actor     string `json:"actor"`
	Call      string `json:"call"`
	Text      string `json:"text"`
	Tolerated string `json:"tolerated"`
	Keeps     bool   `json:"keeps"`
}

// floor compiles the floor of a run with these arguments, which are flags, then -- and the command.
func (s *workshop) floor(name string, args ...string) (binary string, err error) {
	steps, err := s.plan(args)
	if err != nil {
		return "", err
	}
	dir, err := s.floorSource(name, steps, args)
	if err != nil {
		return "", err
	}
	return s.compile(name, filepath.Join(dir, "floor.c"))
}

// plan returns the plan that `tincan plan` prints.
func (s *workshop) plan(args []string) (steps []planStep, err error) {
	out, err := s.tincanOutput(s.user, append([]string{"plan", "--json"}, args...)...)
	if err == nil {
		err = json.Unmarshal(out, &steps)
	}
	return steps, err
}

// floorSource writes the floor's source, and returns its directory.
func (s *workshop) floorSource(name string, steps []planStep, args []string) (dir string, err error) {
	dir = filepath.Join(s.dir, name+".src")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	at := slices.Index(args, "--")
	envp, err := s.tincanOutput(s.user, append(append([]string{"run"}, args[:at]...), "--", "/bin/cat", "/proc/self/environ")...)
	if err != nil {
		return "", err
	}
	filter, err := s.filterOf(args[:at])
	if err != nil {
		return "", err
	}
	text, err := planHeader(steps, strings.Split(strings.TrimSuffix(string(envp), "\x00"), "\x00"), filter)
	if err != nil {
		return "", err
	}
	for file, text := range map[string]string{"plan.h": text, "floor.c": floorC} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// tincanOutput runs tincan, as root or as another user, and returns its output. tincan has no
// terminal, because that would add steps to a plan.
func (s *workshop) tincanOutput(user uint32, args ...string) ([]byte, error) {
	cmd := command(append([]string{s.tincan}, args...)...)
	if user != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: user}
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("tincan %s: %w: %s", args[0], err, oneLine(errs.String()))
	}
	return out, err
}

// filterOf returns the BPF program of the --seccomp among the flags.
func (s *workshop) filterOf(flags []string) ([]byte, error) {
	profile := "default"
	for _, f := range flags {
		if p, ok := strings.CutPrefix(f, "--seccomp="); ok {
			profile = p
		}
	}
	if profile == "none" {
		return nil, nil
	}
	return s.compileFilter(profile)
}

// planHeader returns the content of plan.h.
func planHeader(plan []planStep, env []string, filter []byte) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "static char *ENVP[] = {")
	for _, e := range env {
		fmt.Fprintf(&b, "%s, ", cString(e))
	}
	fmt.Fprintf(&b, "NULL};\n#define FILTER_LEN %d\nstatic struct sock_filter FILTER[FILTER_LEN + 1] = {\n", len(filter)/8)
	for i := 0; i+8 <= len(filter); i += 8 {
		le := binary.NativeEndian
		fmt.Fprintf(&b, "\t{%#x, %d, %d, %#x},\n", le.Uint16(filter[i:]), filter[i+2], filter[i+3], le.Uint32(filter[i+4:]))
	}
	b.WriteString("};\n")

	groups := groupDescriptors(plan)
	for _, g := range groups {
		fmt.Fprintf(&b, "static int %s;\n", g)
	}
	clone := slices.IndexFunc(plan, func(p planStep) bool { return p.Call == "clone3" })
	if clone < 0 {
		return "", fmt.Errorf("the plan has no clone3")
	}
	flags := regexp.MustCompile(`flags=([A-Z_|0-9a-fx]+)`).FindStringSubmatch(plan[clone].Text)
	if flags == nil {
		return "", fmt.Errorf("no flags in %s", plan[clone].Text)
	}
	hasInit := slices.ContainsFunc(plan, func(p planStep) bool { return p.Actor == "init" })
	fmt.Fprintf(&b, "#define CLONE_CALL %d\n#define CLONE_CALL_FLAGS (%s)\n#define HAS_INIT %t\n#define STEPS %d\n", plan[clone].Number, flags[1], hasInit, plan[len(plan)-1].Number)
	b.WriteString("#include <stdbool.h>\n")
	writeGroup(&b, plan, groups, strings.Contains(flags[1], "CLONE_INTO_CGROUP"))

	// The launcher's steps between the clone and the container's last step are those of the
	// handshake. The others come before the clone or at the end.
	last := 0
	for i, p := range plan {
		if p.Actor != "host" {
			last = i
		}
	}
	for _, f := range []struct {
		name  string
		steps []planStep
		actor string
	}{
		{"host_before(void)", plan[:clone], "host"},
		{"child_steps(sigset_t *mask)", plan, "child"},
		{"init_steps(void)", plan, "init"},
		{"command_steps(sigset_t *mask)", plan, "command"},
		{"host_between(void)", plan[clone+1 : last], "host"},
		{"host_after(void)", plan[last:], "host"},
	} {
		fmt.Fprintf(&b, "static void %s\n{\n", f.name)
		for _, p := range f.steps {
			if f.name == "host_between(void)" && p.Actor == "child" && strings.HasPrefix(p.Text, "write(SOCKET,") {
				b.WriteString("\tHOST(0, read(PARENT, &byte, 1) == 1 ? 0 : -1);\n")
			}
			if p.Actor != f.actor {
				continue
			}
			line, err := cStep(p)
			if err != nil {
				return "", fmt.Errorf("step %d, %s: %w", p.Number, p.Text, err)
			}
			fmt.Fprintf(&b, "\t%s\n", line)
		}
		b.WriteString("}\n")
	}
	return b.String(), nil
}

// groupDescriptors returns the names of the descriptors by which the child enters its groups on
// version 1, in the order of the groups.
func groupDescriptors(plan []planStep) []string {
	var names []string
	for _, p := range plan {
		if p.Actor == "child" && p.Call == "write" && p.Chapter == 14 {
			names = append(names, p.Text[len("write("):strings.Index(p.Text, ",")])
		}
	}
	return names
}

// writeGroup writes the code with which the launcher opens the groups, which is not in the plan:
// the file tasks of each group on version 1, the directory for the clone on version 2.
func writeGroup(b *strings.Builder, plan []planStep, names []string, into bool) {
	var dirs []string
	for _, p := range plan {
		if p.Actor == "host" && p.Call == "mkdir" && p.Chapter == 14 {
			_, dirs, _ = splitCall(p.Text)
			break
		}
	}
	b.WriteString("static void open_group(struct clone_args *args)\n{\n\t(void)args;\n")
	for i, n := range names {
		fmt.Fprintf(b, "\tHOST(CLONE_CALL, %s = open(%s \"/tasks\", O_WRONLY | O_CLOEXEC));\n", n, dirs[i])
	}
	if into {
		fmt.Fprintf(b, "\tint dir = open(%s, O_PATH | O_DIRECTORY | O_CLOEXEC);\n\tHOST(CLONE_CALL, dir);\n\targs->cgroup = dir;\n", dirs[0])
	}
	b.WriteString("}\nstatic void close_group(void)\n{\n")
	for _, n := range names {
		fmt.Fprintf(b, "\tclose(%s);\n", n)
	}
	b.WriteString("}\n")
}

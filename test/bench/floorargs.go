// The arguments of a step, translated from strace's notation to C.

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// cStep returns a step as a C statement.
func cStep(p planStep) (string, error) {
	call, args, err := splitCall(p.Text)
	if err != nil {
		return "", err
	}
	if p.Actor == "host" {
		return hostStatement(p, call, args)
	}
	if call == "clone" {
		return fmt.Sprintf("FORK(%d, %s);", p.Number, strings.TrimPrefix(args[1], "flags=")), nil
	}
	may := "0"
	if p.Tolerated != "" {
		may = p.Tolerated
	}
	macro := "STEP"
	switch {
	case p.Call == "openat2":
		macro = "PUT"
	case p.Keeps:
		macro = "KEEP"
	}
	var out []string
	for _, a := range args {
		a, err := cArgument(call, a)
		if err != nil {
			return "", err
		}
		out = append(out, a...)
	}
	for len(out) < 6 {
		out = append(out, "0L")
	}
	return fmt.Sprintf("%s(%d, %s, %s, %s);", macro, p.Number, may, call, strings.Join(out, ", ")), nil
}

// hostStatement returns what the launcher does for a step. If the first argument is in quotes, it
// is a file's name.
func hostStatement(p planStep, call string, args []string) (string, error) {
	if call == "clone" {
		return "", nil // the launcher's monitor, which the floor does not need
	}
	if call == "fchmod" {
		return "", nil // the caller's pipe, which the floor's command does not open again
	}
	file := strings.HasPrefix(args[0], `"`)
	var b strings.Builder
	switch {
	case call == "write" && file:
		return fmt.Sprintf("host_write(%d, %s, %s);", p.Number, args[0], args[1]), nil
	case call == "write":
		return fmt.Sprintf("HOST(%d, write(%s));", p.Number, strings.Join(args, ", ")), nil
	case call == "mkdir", call == "rmdir", call == "mknod", call == "unlink":
		paths, rest := args, ""
		if last := args[len(args)-1]; !strings.HasPrefix(last, `"`) {
			paths, rest = args[:len(args)-1], ", "+last
		} else if call == "mkdir" {
			rest = ", 0755"
		}
		if call == "mknod" {
			rest += ", 0"
		}
		for _, path := range paths {
			fmt.Fprintf(&b, "HOST(%d, %s(%s%s));", p.Number, call, path, rest)
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("the floor does not know this step of the launcher")
}

// structs are the structures that strace shows as {member=value, ...}, by their first member.
var structs = map[string]string{
	"attr_set": "struct mount_attr",
	"flags":    "struct open_how",
	"rlim_cur": "struct limit64",
	"ifr_name": "struct ifreq",
	"len":      "struct sock_fprog",
	"version":  "struct __user_cap_header_struct",
}

// cArgument returns the C arguments for one of strace's. Each is a long.
func cArgument(call, a string) ([]string, error) {
	cast := func(s string) ([]string, error) { return []string{"(long)(" + s + ")"}, nil }
	switch {
	case call == "read" && strings.HasPrefix(a, `"`):
		return cast("(char[]){0, 0}") // strace shows what will be read
	case strings.HasPrefix(a, `{`):
		return structArgument(a)
	case strings.HasPrefix(a, `["`), a == "[]" && call == "execve":
		return cast("(char *[]){" + strings.Trim(a, "[]") + ", NULL}")
	case strings.HasPrefix(a, "[") && call == "rt_sigprocmask":
		return cast("mask") // the caller's mask, as in tincan
	case strings.HasPrefix(a, "["):
		return cast("&(int){" + strings.Trim(a, "[]") + "}")
	}
	return cast(a)
}

// shifts matches a shifted 1, which C must compute in 64 bits.
var shifts = regexp.MustCompile(`\b1<<`)

// structArgument returns the C argument for a structure.
func structArgument(a string) ([]string, error) {
	members, err := splitList(strings.TrimSuffix(strings.TrimPrefix(a, "{"), "}"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(members[0], "=")
	if first == "effective" { // struct __user_cap_data_struct[2]: the lower and the upper half
		var low, high []string
		for _, m := range members {
			name, value, _ := strings.Cut(m, "=")
			value = "(uint64_t)(" + shifts.ReplaceAllString(value, "1ULL<<") + ")"
			low = append(low, fmt.Sprintf(".%s = (uint32_t)(%s)", name, value))
			high = append(high, fmt.Sprintf(".%s = (uint32_t)(%s >> 32)", name, value))
		}
		return []string{fmt.Sprintf("(long)((struct __user_cap_data_struct[2]){{%s}, {%s}})", strings.Join(low, ", "), strings.Join(high, ", "))}, nil
	}
	kind := structs[first]
	if kind == "" {
		return nil, fmt.Errorf("the floor does not know a structure whose first member is %s", first)
	}
	for i, m := range members {
		members[i] = "." + m
	}
	return []string{fmt.Sprintf("(long)(&(%s){%s})", kind, strings.Join(members, ", "))}, nil
}

// splitCall splits a call into its name and its arguments.
func splitCall(text string) (call string, args []string, err error) {
	call, rest, ok := strings.Cut(text, "(")
	if !ok || !strings.HasSuffix(rest, ")") {
		return "", nil, fmt.Errorf("not a call")
	}
	args, err = splitList(strings.TrimSuffix(rest, ")"))
	return call, args, err
}

// splitList splits a list at the commas outside of quotes, brackets and comments, and removes
// comments.
func splitList(s string) ([]string, error) {
	var out []string
	var word strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			end := i + 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(s) {
				return nil, fmt.Errorf("a quote is not closed")
			}
			word.WriteString(s[i : end+1])
			i = end
			continue
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i:], "*/")
			if end < 0 {
				return nil, fmt.Errorf("a comment is not closed")
			}
			i += end + 1
			continue
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(word.String()))
			word.Reset()
			continue
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
		word.WriteByte(s[i])
	}
	return append(out, strings.TrimSpace(word.String())), nil
}

// cString returns s as a C string. Special characters are octal numbers of three digits, because C
// would take a following digit as part of a shorter number.
func cString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '?' {
			b.WriteByte(c)
		} else {
			b.WriteString(`\` + fmt.Sprintf("%03s", strconv.FormatUint(uint64(c), 8)))
		}
	}
	b.WriteByte('"')
	return b.String()
}

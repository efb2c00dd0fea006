// Chapters 1 to 4, continued: the shortest way through the command line of run.
//
// kong needs as long for a command line as the kernel for a container: it builds a
// model by reflection, and sets fields by it. What most command lines of run consist
// of is read here in one pass. Whatever is not plainly that, from --help to a value
// that begins with a dash, is left to kong, whose word is law: a test compares the two
// on thousands of command lines, and on every flag of runFlags.

package main

import (
	"strconv"
	"strings"
)

// field gives the field of a flag, without its dashes.
func (f *runFlags) field(flag string) any {
	switch flag {
	case "m", "mount":
		return &f.Mount
	case "a", "add":
		return &f.Add
	case "ro":
		return &f.Ro
	case "tmpfs":
		return &f.Tmpfs
	case "c", "command":
		return &f.Command
	case "e", "env":
		return &f.Env
	case "w", "workdir":
		return &f.Workdir
	case "pass-fd":
		return &f.PassFD
	case "init", "no-init":
		return &f.Init
	case "timeout":
		return &f.Timeout
	case "stats":
		return &f.Stats
	case "hostname":
		return &f.Hostname
	case "net":
		return &f.Net
	case "u", "uid":
		return &f.UID
	case "gid":
		return &f.GID
	case "map":
		return &f.Map
	case "cap-add":
		return &f.CapAdd
	case "cap-drop":
		return &f.CapDrop
	case "seccomp":
		return &f.Seccomp
	case "apparmor":
		return &f.AppArmor
	case "seccomp-strict-ints":
		return &f.SeccompStrictInts
	case "seccomp-log":
		return &f.SeccompLog
	case "memory":
		return &f.Memory
	case "swap":
		return &f.Swap
	case "pids":
		return &f.Pids
	case "cpu-weight":
		return &f.CPUWeight
	case "cpus":
		return &f.CPUs
	case "io-weight":
		return &f.IOWeight
	case "no-cgroup":
		return &f.NoCgroup
	case "rlimit":
		return &f.Rlimit
	case "step":
		return &f.Step
	case "d", "debug":
		return &f.Debug
	}
	return nil
}

// standard are the flags' defaults.
func standard() *runFlags {
	return &runFlags{Workdir: "/", Init: true, Net: "none", Seccomp: "default"}
}

// quickly reads what stands behind `run`. It gives nil for a command line that kong
// must look at.
func quickly(args []string) *runFlags {
	f := standard()
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			f.Args = args[1:]
			return valid(f)
		}
		if len(arg) < 2 || arg[0] != '-' {
			f.Args = args
			return valid(f)
		}
		args = args[1:]
		flag, value, given := arg[1:], "", false
		if flag[0] == '-' {
			flag, value, given = strings.Cut(flag[1:], "=")
			if len(flag) < 2 {
				return nil
			}
		} else if len(flag) > 1 {
			return nil // -dm DIR, -mDIR
		}
		to := f.field(flag)
		if b, ok := to.(*bool); ok {
			if given {
				return nil
			}
			*b = flag != "no-init"
			continue
		}
		if to == nil {
			return nil
		}
		if !given {
			if len(args) == 0 {
				return nil
			}
			value, args = args[0], args[1:]
		}
		if !given && strings.HasPrefix(value, "-") || !set(to, value) {
			return nil
		}
	}
	return valid(f)
}

// set sets a field. It gives false for what kong must look at.
func set(to any, value string) (ok bool) {
	if value == "" {
		return false
	}
	n := 0
	switch to := to.(type) {
	case *string:
		*to = value
		return true
	case **string:
		*to = &value
		return true
	case *[]string:
		*to = append(*to, value)
		return true
	case *int:
		*to, ok = plainNumber(value)
	case **int:
		n, ok = plainNumber(value)
		*to = &n
	case *[]int:
		n, ok = plainNumber(value)
		*to = append(*to, n)
	}
	return ok
}

// plainNumber reads a number in which every reader of numbers sees the same.
func plainNumber(s string) (int, bool) {
	if s[0] == '0' && s != "0" || len(s) > 9 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// valid gives f, or nil if kong would take none of it as it is.
func valid(f *runFlags) *runFlags {
	for _, list := range [][]string{f.CapAdd, f.CapDrop} {
		for _, s := range list {
			if strings.ContainsAny(s, `,\`) { // kong splits
				return nil
			}
		}
	}
	if f.Net != "none" && f.Net != "host" {
		return nil
	}
	return f
}

// Sections mounts, env and profile: what more mounts, variables and calls in a profile cost.

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// growth compares contenders at several sizes, interleaved. build returns the contenders for a
// size, always with the same short names.
func growth(title, what string, sizes []int, build func(n int) ([]*contender, error)) (*table, error) {
	t := &table{Title: title + ": ms, whole process"}
	var here []*contender
	bySize := make([][]*contender, len(sizes))
	for i, n := range sizes {
		all, err := build(n)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if c.absent = c.trial(); c.absent != "" {
				t.note("%d %s, %s: %s", n, what, c.name, c.absent)
			}
		}
		bySize[i] = all
		here = append(here, present(all)...)
	}
	took, err := race(here, max(scaled(10), *rounds/5))
	if err != nil {
		return nil, err
	}
	for _, c := range bySize[0] {
		t.Columns = append(t.Columns, column{c.name, 2})
	}
	for _, c := range bySize[0][1:] {
		t.Columns = append(t.Columns, column{"of " + c.name, 2})
	}
	for _, c := range bySize[0] {
		t.Columns = append(t.Columns, column{c.name + " us each", 1})
	}
	for i, n := range sizes {
		var values, ratios, each []figure
		for j, c := range bySize[i] {
			m := median(took[c].wall)
			values = append(values, m)
			if j > 0 {
				ratios = append(ratios, ratio(took[bySize[i][0]].wall, took[c].wall))
			}
			if i > 0 && sizes[0] == 0 {
				each = append(each, (m-median(took[bySize[0][j]].wall))*1000/figure(n))
			} else {
				each = append(each, missing)
			}
		}
		t.add(fmt.Sprintf("%d %s", n, what), slices.Concat(values, ratios, each)...)
	}
	t.note("tincan and its floor without a group, medians of %d rounds; us each: what one more costs, compared with none", max(scaled(10), *rounds/5))
	return t, nil
}

// sizesUpTo returns the sizes that -most allows.
func sizesUpTo(sizes ...int) []int {
	return slices.DeleteFunc(sizes, func(n int) bool { return n > *most })
}

// mountsGrow measures the section mounts. It binds directories of one file system to existing
// directories.
func mountsGrow(b *bench) (*table, error) {
	root, err := b.copyTree("mounts")
	if err != nil {
		return nil, err
	}
	sources := filepath.Join(b.dir, "sources")
	source := func(i int) string { return filepath.Join(sources, strconv.Itoa(i)) }
	target := func(i int) string { return "/m/" + strconv.Itoa(i) }
	for i := range *most {
		for _, dir := range []string{source(i), filepath.Join(root, target(i))} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, err
			}
		}
	}
	return growth("/bin/true with more bind mounts", "mounts", sizesUpTo(0, 10, 100, 1000), func(n int) ([]*contender, error) {
		var adds, binds []string
		config := ociConfig(root, "/bin/true", false, nil)
		for i := range n {
			adds = append(adds, "-a", source(i)+":"+target(i))
			binds = append(binds, "--bind", source(i), target(i))
			config["mounts"] = append(config["mounts"].([]object), object{"destination": target(i), "type": "bind", "source": source(i), "options": []string{"rbind", "nosuid", "nodev"}})
		}
		return []*contender{
			{name: "tincan", argv: slices.Concat([]string{b.tincan, "run", "--no-cgroup"}, adds, []string{"-m", root, "--", "/bin/true"})},
			{name: "bwrap", argv: bwrapLine(root, "/bin/true", binds...)},
			b.bundled("runc", "runc", config),
			b.floorContender("floor", root, "/bin/true", append(adds, "--no-cgroup")...),
		}, nil
	})
}

// environmentGrows measures the section env.
func environmentGrows(b *bench) (*table, error) {
	return growth("/bin/true with more environment variables", "variables", sizesUpTo(0, 10, 100, 1000), func(n int) ([]*contender, error) {
		var ours, theirs []string
		for i := range n {
			name, value := fmt.Sprintf("VARIABLE_%d", i), strings.Repeat("v", 32)
			ours = append(ours, "-e", name+"="+value)
			theirs = append(theirs, "--setenv", name, value)
		}
		return []*contender{
			{name: "tincan", argv: slices.Concat([]string{b.tincan, "run", "--no-cgroup"}, ours, []string{"-m", b.root, "--", "/bin/true"})},
			{name: "bwrap", argv: bwrapLine(b.root, "/bin/true", theirs...)},
			b.floorContender("floor", b.root, "/bin/true", append(ours, "--no-cgroup")...),
		}, nil
	})
}

// profileGrows measures the section profile. tincan and runc get the same profile: a list of
// allowed calls, in which each fourth call has a rule on its arguments.
func profileGrows(b *bench) (*table, error) {
	numbered, err := callNames()
	calls := slices.Sorted(maps.Values(numbered))
	if err != nil {
		t := &table{Title: "/bin/true with larger profiles"}
		t.absent("all", oneLine(err.Error()))
		return t, nil
	}
	// The calls that busybox and runc's own init need come first, at every size.
	needed := strings.Fields(`execve exit_group exit read write openat close mmap mprotect munmap brk arch_prctl set_tid_address set_robust_list
		rseq prlimit64 readlink readlinkat getrandom getuid getgid prctl fstat newfstatat statx futex rt_sigaction rt_sigprocmask rt_sigreturn
		sigaltstack statfs fstatfs openat2 fcntl epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 nanosleep gettid getpid tgkill madvise
		clone clone3 getdents64 lseek pread64 pipe2 chdir fchdir getcwd setuid setgid setgroups capget capset close_range sched_getaffinity
		sched_yield uname access faccessat faccessat2 stat lstat getppid umask ioctl dup3 sysinfo timer_create timer_settime timer_delete`)
	needed = slices.DeleteFunc(needed, func(n string) bool { return !slices.Contains(calls, n) })
	calls = slices.DeleteFunc(calls, func(n string) bool { return slices.Contains(needed, n) })
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	return growth("/bin/true with larger profiles", "calls", []int{0, len(needed), 150, len(needed) + len(calls)}, func(n int) ([]*contender, error) {
		var profile object
		flag, name := "--seccomp=none", filepath.Join(b.dir, fmt.Sprintf("profile-%d.json", n))
		config := ociConfig(b.root, "/bin/true", false, object{"defaultAction": "SCMP_ACT_ALLOW"})
		if n > 0 {
			profile = allowList(slices.Concat(needed, calls)[:n], len(needed))
			if err := writeJSON(name, profile); err != nil {
				return nil, err
			}
			config["linux"].(object)["seccomp"] = profile
			flag = "--seccomp=" + name
		}
		return []*contender{
			{name: "tincan", argv: []string{b.tincan, "run", "--no-cgroup", flag, "-m", b.root, "--", "/bin/true"}},
			b.bundled("runc", "runc", config),
			b.floorContender("floor", b.root, "/bin/true", "--no-cgroup", flag),
		}, nil
	})
}

// allowList returns a profile that allows calls. The first ones have no rules on their arguments.
func allowList(names []string, plain int) object {
	rules := []object{{"names": names[:min(plain, len(names))], "action": "SCMP_ACT_ALLOW"}}
	for i, n := range names[min(plain, len(names)):] {
		rule := object{"names": []string{n}, "action": "SCMP_ACT_ALLOW"}
		if i%4 == 0 {
			rule["args"] = []object{{"index": i % 3, "value": i, "op": "SCMP_CMP_EQ"}}
		}
		rules = append(rules, rule)
	}
	return object{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": rules}
}

// What the figures depend on: the machine, the kernel, and the versions of the tools.

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// conditions returns lines to print below the figures.
func conditions() []string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	var versions []string
	for _, v := range []struct{ name, flag string }{
		{*tincanBin, "--version"}, {"bwrap", "--version"}, {"unshare", "--version"}, {"runc", "--version"}, {"crun", "--version"},
		{"systemd-nspawn", "--version"}, {"firejail", "--version"}, {"busybox", "--help"}, {"gcc", "--version"},
	} {
		out, err := command(v.name, v.flag).CombinedOutput()
		if line := oneLine(string(out)); err == nil && line != "" {
			versions = append(versions, shorter(v.name, line))
		}
	}
	return []string{
		fmt.Sprintf("Linux %s %s, %d x %s, cgroups version %s, %s", strings.TrimSpace(string(kernel)), runtime.GOARCH, runtime.NumCPU(), processor(),
			groupsVersion(), time.Now().UTC().Format(time.DateOnly)),
		strings.Join(versions, ", "),
	}
}

// shorter returns the name and the version from what a program prints about itself.
func shorter(name, line string) string {
	words := strings.Fields(line)
	for _, w := range words {
		if w = strings.TrimPrefix(w, "v"); w != "" && w[0] >= '0' && w[0] <= '9' && strings.Contains(w, ".") || name == "systemd-nspawn" && w == words[1] {
			short, _, _ := strings.Cut(w, "+")
			return name[strings.LastIndexByte(name, '/')+1:] + " " + short
		}
	}
	return line
}

// processor returns the model of this machine's processors.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimLeft(name, "\t :")
		}
	}
	return "processors"
}

// groupsVersion returns the version of this machine's control groups.
func groupsVersion() string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "2"
	}
	return "1"
}

// runc and crun: a bundle with the protections of tincan's default container.

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// object is a JSON object.
type object = map[string]any

// bundled returns a contender that runs a new bundle in an OCI runtime.
func (s *workshop) bundled(runtime, name string, config object) *contender {
	c := &contender{name: name}
	dir, err := os.MkdirTemp(s.dir, runtime)
	if err == nil {
		err = writeJSON(filepath.Join(dir, "config.json"), config)
	}
	if err != nil {
		c.absent = oneLine(err.Error())
	}
	c.argv = []string{runtime, "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, fmt.Sprintf("tincan-bench-%d-%s", os.Getpid(), unique)}
	return c
}

// containerUser is the uid on the host of root in a bundle, and in tincan's default container.
const containerUser = 10000

// ociConfig returns a configuration with namespaces, ids, capabilities, masked paths, limits,
// no_new_privs and a filter. If seccomp is nil, the filter is a short one.
func ociConfig(root, cmd string, limits bool, seccomp object) object {
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
		{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "noexec", "nodev", "mode=1777"}},
		{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": []string{"nosuid", "noexec", "nodev"}},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "mode=1777"}},
	}
	namespaces := []object{{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}, {"type": "user"}}
	if seccomp == nil {
		seccomp = object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []object{{
			"names":  []string{"keyctl", "add_key", "request_key", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "userfaultfd", "perf_event_open"},
			"action": "SCMP_ACT_ERRNO"}}}
	}
	ids := []object{{"containerID": 0, "hostID": containerUser, "size": 2000}}
	linux := object{
		"namespaces": namespaces, "uidMappings": ids, "gidMappings": ids, "seccomp": seccomp,
		"maskedPaths": []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
			"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"},
		"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
	}
	if limits {
		linux["resources"] = object{"memory": object{"limit": 1 << 30}, "pids": object{"limit": 64}, "cpu": object{"shares": 256}}
	}
	return object{
		"ociVersion": "1.0.2", "hostname": "bench", "mounts": mounts, "linux": linux,
		"root": object{"path": root},
		"process": object{
			"args": []string{cmd}, "cwd": "/", "env": []string{"PATH=/bin"}, "noNewPrivileges": true, "user": object{"uid": 0, "gid": 0},
			"capabilities": object{"bounding": keptCaps, "effective": keptCaps, "permitted": keptCaps},
			"rlimits":      []object{{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}},
		},
	}
}

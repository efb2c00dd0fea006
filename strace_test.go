// The text of a step must say what its call does. The test reads the text back, with the values of
// x/sys, and compares it with what the kernel gets.

package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// callNumbers are the calls' numbers in x/sys. The test fails for a call that is missing here.
var callNumbers = map[string]uintptr{
	"capset": unix.SYS_CAPSET, "chdir": unix.SYS_CHDIR, "clone": unix.SYS_CLONE, "close": unix.SYS_CLOSE, "close_range": unix.SYS_CLOSE_RANGE,
	"execve": unix.SYS_EXECVE, "fchdir": unix.SYS_FCHDIR, "fchownat": unix.SYS_FCHOWNAT, "fchmod": unix.SYS_FCHMOD, "move_mount": unix.SYS_MOVE_MOUNT, "open_tree": unix.SYS_OPEN_TREE, "openat2": unix.SYS_OPENAT2, "ioctl": unix.SYS_IOCTL, "keyctl": unix.SYS_KEYCTL, "lsm_set_self_attr": unix.SYS_LSM_SET_SELF_ATTR, "mkdirat": unix.SYS_MKDIRAT, "mknodat": unix.SYS_MKNODAT, "mount": unix.SYS_MOUNT,
	"mount_setattr": unix.SYS_MOUNT_SETATTR, "openat": unix.SYS_OPENAT, "pivot_root": unix.SYS_PIVOT_ROOT, "prctl": unix.SYS_PRCTL, "prlimit64": unix.SYS_PRLIMIT64,
	"read": unix.SYS_READ, "rt_sigprocmask": unix.SYS_RT_SIGPROCMASK, "seccomp": unix.SYS_SECCOMP, "setgroups": unix.SYS_SETGROUPS,
	"sethostname": unix.SYS_SETHOSTNAME, "setsid": unix.SYS_SETSID, "dup3": unix.SYS_DUP3, "lseek": unix.SYS_LSEEK, "setpgid": unix.SYS_SETPGID, "setresgid": unix.SYS_SETRESGID, "setresuid": unix.SYS_SETRESUID,
	"socket": unix.SYS_SOCKET, "symlinkat": unix.SYS_SYMLINKAT, "umask": unix.SYS_UMASK, "umount2": unix.SYS_UMOUNT2,
	"unlinkat": unix.SYS_UNLINKAT, "unshare": unix.SYS_UNSHARE, "write": unix.SYS_WRITE,
}

// constants are the names that may be in a step's text, with x/sys's values.
var constants = map[string]int64{
	"NULL": 0, "KEYCTL_JOIN_SESSION_KEYRING": unix.KEYCTL_JOIN_SESSION_KEYRING, "O_WRONLY": unix.O_WRONLY, "O_CREAT": unix.O_CREAT, "O_EXCL": unix.O_EXCL, "O_CLOEXEC": unix.O_CLOEXEC, "SIG_SETMASK": unix.SIG_SETMASK, "AT_FDCWD": unix.AT_FDCWD, "AT_RECURSIVE": unix.AT_RECURSIVE, "MNT_DETACH": unix.MNT_DETACH,
	"MS_RDONLY": unix.MS_RDONLY, "MS_NOSUID": unix.MS_NOSUID, "MS_NODEV": unix.MS_NODEV, "MS_NOEXEC": unix.MS_NOEXEC,
	"MS_BIND": unix.MS_BIND, "MS_REC": unix.MS_REC, "MS_PRIVATE": unix.MS_PRIVATE, "S_IFREG": unix.S_IFREG, "S_IFCHR": unix.S_IFCHR, "O_RDONLY": unix.O_RDONLY, "SEEK_SET": unix.SEEK_SET, "O_NONBLOCK": unix.O_NONBLOCK, "O_PATH": unix.O_PATH, "RESOLVE_NO_SYMLINKS": unix.RESOLVE_NO_SYMLINKS, "RESOLVE_NO_MAGICLINKS": unix.RESOLVE_NO_MAGICLINKS,
	"OPEN_TREE_CLONE": unix.OPEN_TREE_CLONE, "OPEN_TREE_CLOEXEC": unix.OPEN_TREE_CLOEXEC, "AT_EMPTY_PATH": unix.AT_EMPTY_PATH, "AT_SYMLINK_NOFOLLOW": unix.AT_SYMLINK_NOFOLLOW,
	"MOVE_MOUNT_F_EMPTY_PATH": unix.MOVE_MOUNT_F_EMPTY_PATH, "MOVE_MOUNT_T_EMPTY_PATH": unix.MOVE_MOUNT_T_EMPTY_PATH,
	"MOUNT_ATTR_RDONLY": unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_NOSUID": unix.MOUNT_ATTR_NOSUID,
	"MOUNT_ATTR_IDMAP": unix.MOUNT_ATTR_IDMAP, "MOUNT_ATTR_NODEV": unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NOEXEC": unix.MOUNT_ATTR_NOEXEC,
	"CLONE_NEWUSER": unix.CLONE_NEWUSER, "CLONE_NEWCGROUP": unix.CLONE_NEWCGROUP, "CLOSE_RANGE_CLOEXEC": unix.CLOSE_RANGE_CLOEXEC,
	"PR_SET_PDEATHSIG": unix.PR_SET_PDEATHSIG, "PR_SET_DUMPABLE": unix.PR_SET_DUMPABLE, "PR_SET_KEEPCAPS": unix.PR_SET_KEEPCAPS, "PR_SET_NAME": unix.PR_SET_NAME,
	"PR_SET_NO_NEW_PRIVS": unix.PR_SET_NO_NEW_PRIVS, "PR_CAPBSET_DROP": unix.PR_CAPBSET_DROP, "PR_CAP_AMBIENT": unix.PR_CAP_AMBIENT,
	"PR_CAP_AMBIENT_CLEAR_ALL": unix.PR_CAP_AMBIENT_CLEAR_ALL, "SUID_DUMP_DISABLE": 0, "SIGKILL": int64(unix.SIGKILL),
	"AF_INET": unix.AF_INET, "SOCK_DGRAM": unix.SOCK_DGRAM, "SOCK_CLOEXEC": unix.SOCK_CLOEXEC, "IPPROTO_IP": unix.IPPROTO_IP,
	"SIOCSIFFLAGS": unix.SIOCSIFFLAGS, "TIOCSPGRP": unix.TIOCSPGRP, "SECCOMP_SET_MODE_FILTER": unix.SECCOMP_SET_MODE_FILTER,
	"child_stack=STACK, flags=CLONE_VM|SIGCHLD": int64(unix.CLONE_VM | unix.SIGCHLD),
	"LSM_ATTR_EXEC": 101, // from the kernel's linux/lsm.h: x/sys lacks it; test/vm shows that a kernel agrees
}

// value returns the value of A|B|0x10 or of a number. ok is false for any other text.
func value(text string) (n int64, ok bool) {
	if v, known := constants[text]; known {
		return v, true
	}
	for part := range strings.SplitSeq(text, "|") {
		v, known := constants[part]
		if !known {
			var err error
			if v, err = strconv.ParseInt(part, 0, 64); err != nil {
				return 0, false
			}
		}
		if n&v != 0 && v != n {
			return 0, false // the same bit twice
		}
		n |= v
	}
	return n, true
}

// bytesAt returns n bytes of memory.
func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// TestStepsDoWhatTheirTextSays checks every step of every golden plan.
func TestStepsDoWhatTheirTextSays(t *testing.T) {
	header := map[string]int{}
	t.Run("header", func(t *testing.T) { header = systemCallNumbers(t) })
	checked, opaque := 0, map[string]int{}
	for _, set := range goldenSets(t) {
		for _, s := range set.plan {
			if s.actor == host || s.actor == after {
				continue // not made by the loop
			}
			if n, ok := callNumbers[s.call]; !ok || n != uintptr(s.nr) {
				t.Errorf("%s: number %d, x/sys says %d", s, s.nr, n)
			}
			if n, ok := header["__NR_"+s.call]; ok && n != int(s.nr) {
				t.Errorf("%s: number %d, the kernel's header says %d", s, s.nr, n)
			}
			for i := range s.args {
				a := arg{s.args[i], s.labels[i], keptOf(s, i)}
				if s.kind == forks && i == 1 { // the stack: strace shows it before the flags, as part of their text
					if a.p == nil || uintptr(a.p)%16 != 0 {
						t.Errorf("%s: the stack is at %p, which is not aligned", s, a.p)
					}
					continue
				}
				if a.show == nil {
					if a.n != 0 || a.p != nil || a.kept != nowhere {
						t.Errorf("%s: argument %d is not 0, but is not in the text", s, i)
					}
					continue
				}
				if why := checkArg(s, a); why == "opaque" {
					opaque[a.show(a)]++
				} else if why != "" {
					t.Errorf("%s: argument %d: %s", s, i, why)
				} else {
					checked++
				}
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d arguments checked", checked)
	}
	// These cannot be read back: descriptors, and memory that the launcher fills in.
	for text := range opaque {
		if !slices.Contains([]string{"PARENT", "SOCKET", "REPORT-1", "REPORT+1", "TTY", "MEMORY", "PIDS", "CPU", "BLKIO", `"\1"`}, text) {
			t.Errorf("%s: the test cannot check this text", text)
		}
	}
}

// keptOf returns the slot from which an argument comes.
func keptOf(s *step, i int) slot {
	for n, mask := range s.kept {
		if mask>>i&1 != 0 {
			return first + slot(n)
		}
	}
	return nowhere
}

// checkArg compares an argument with its text. It returns "" if they agree, "opaque" if they cannot
// be compared, and otherwise the difference.
func checkArg(s *step, a arg) string {
	text := a.show(a)
	le := binary.LittleEndian
	switch {
	case a.kept != nowhere:
		names := [...][]string{first: {"KEPT", "TREE"}, second: {"PLACE"}}
		if !slices.Contains(names[a.kept], text) || a.n != 0 || a.p != nil {
			return "a kept result is shown as " + text
		}
	case a.p == nil:
		if s.call == "umask" || strings.HasPrefix(text, "0") && text != "0" { // octal
			n, err := strconv.ParseUint(text, 8, 32)
			if err != nil || uintptr(n) != a.n {
				return fmt.Sprintf("%s, and the kernel gets %o", text, a.n)
			}
			return ""
		}
		if text == "CAP_"+strings.TrimPrefix(text, "CAP_") {
			if capName(int(a.n)) != text { // tables_test.go checks the table
				return fmt.Sprintf("%s, and the kernel gets %d", text, a.n)
			}
			return ""
		}
		if strings.HasPrefix(text, "RLIMIT_") {
			if "RLIMIT_"+rlimitTable[a.n].name != text {
				return fmt.Sprintf("%s, and the kernel gets %d", text, a.n)
			}
			return ""
		}
		if strings.HasPrefix(text, "makedev(") {
			if want := fmt.Sprintf("makedev(%#x, %#x)", unix.Major(uint64(a.n)), unix.Minor(uint64(a.n))); strings.ReplaceAll(want, "0x0)", "0)") != text {
				return text + ", and the kernel gets " + want
			}
			return ""
		}
		n, ok := value(text)
		if !ok {
			return "opaque"
		}
		if uintptr(n) != a.n {
			return fmt.Sprintf("%s is %#x, and the kernel gets %#x", text, n, a.n)
		}
	case a.n != 0:
		return "it is both a number and a pointer"
	case text[0] == '"' && s.call != "read":
		want := a.s + "\x00"
		if got := string(bytesAt(a.p, len(want))); got != want || quote(a.s) != text {
			return fmt.Sprintf("%s, and the kernel gets %q", text, got)
		}
	case strings.HasPrefix(text, "{flags=") && s.call == "openat2":
		named, resolve, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(text, "{flags="), "}"), ", resolve=")
		f, ok := value(named)
		r, known := value(resolve)
		b := bytesAt(a.p, 24) // struct open_how of openat2(2)
		if !ok || !known || le.Uint64(b) != uint64(f) || le.Uint64(b[8:]) != 0 || le.Uint64(b[16:]) != uint64(r) {
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "{attr_set="):
		set, _, _ := strings.Cut(strings.TrimPrefix(text, "{attr_set="), ",")
		n, ok := value(set)
		b := bytesAt(a.p, 32) // struct mount_attr of mount_setattr(2)
		if got := le.Uint64(b); !ok || uint64(n) != got || le.Uint64(b[8:])|le.Uint64(b[16:])|le.Uint64(b[24:]) != 0 {
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "{version="):
		if b := bytesAt(a.p, 8); le.Uint32(b) != 0x20080522 || le.Uint32(b[4:]) != 0 { // capset(2)
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "{effective="):
		b := bytesAt(a.p, 24) // effective, permitted, inheritable, twice
		var sets [3]capSet
		for i := range sets {
			sets[i] = capSet(le.Uint32(b[4*i:])) | capSet(le.Uint32(b[12+4*i:]))<<32
		}
		if want := fmt.Sprintf("{effective=%s, permitted=%s, inheritable=%s}", sets[0].text(), sets[1].text(), sets[2].text()); text != want {
			return text + ", and the kernel gets " + want
		}
	case strings.HasPrefix(text, "{id=LSM_ID_APPARMOR"):
		head := bytesAt(a.p, 32) // struct lsm_ctx: id, which is 104, flags, len, ctx_len, ctx
		ctx := string(bytesAt(a.p, 32+int(le.Uint64(head[24:])))[32:])
		if want := fmt.Sprintf("{id=LSM_ID_APPARMOR, flags=%d, len=%d, ctx_len=%d, ctx=%s}", le.Uint64(head[8:]), le.Uint64(head[16:]), len(ctx), quote(ctx)); le.Uint64(head) != 104 || text != want {
			return text + ", and the kernel gets " + want
		}
	case strings.HasPrefix(text, "{rlim_cur="):
		b := bytesAt(a.p, 16)
		if want := fmt.Sprintf("{rlim_cur=%s, rlim_max=%s}", rlimText(le.Uint64(b)), rlimText(le.Uint64(b[8:]))); text != want {
			return text + ", and the kernel gets " + want
		}
	case strings.HasPrefix(text, "{len="):
		if n := le.Uint16(bytesAt(a.p, 2)); !strings.HasPrefix(text, fmt.Sprintf("{len=%d,", n)) {
			return fmt.Sprintf("%s, and the kernel gets %d", text, n)
		}
	case strings.HasPrefix(text, "{ifr_name="):
		b := bytesAt(a.p, 40) // struct ifreq
		if unix.ByteSliceToString(b[:16]) != "lo" || le.Uint16(b[16:]) != unix.IFF_UP|unix.IFF_RUNNING || text != `{ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING}` {
			return fmt.Sprintf("%s, and the kernel gets % x", text, b)
		}
	case strings.HasPrefix(text, "["):
		if s.call == "execve" {
			var words []string
			for p := (**byte)(a.p); *p != nil; p = (**byte)(unsafe.Add(unsafe.Pointer(p), 8)) {
				words = append(words, unix.BytePtrToString(*p))
			}
			if vectorText(words) != text {
				return text + ", and the kernel gets " + vectorText(words)
			}
		} else if s.call == "ioctl" {
			if n := le.Uint32(bytesAt(a.p, 4)); fmt.Sprintf("[%d]", n) != text {
				return fmt.Sprintf("%s, and the kernel gets %d", text, n)
			}
		} else if set := le.Uint64(bytesAt(a.p, 8)); sigsetText(set) != text {
			return fmt.Sprintf("%s, and the kernel gets %#x", text, set)
		}
	case strings.HasPrefix(text, "ENVP /* "):
		n := 0
		for p := (**byte)(a.p); *p != nil; p = (**byte)(unsafe.Add(unsafe.Pointer(p), 8)) {
			n++
		}
		if text != "ENVP /* "+plural(n, "var")+" */" {
			return fmt.Sprintf("%s, and the kernel gets %d", text, n)
		}
	default:
		return "opaque"
	}
	return ""
}

// Hostile and broken files and arguments: each gives one line of error and status 125, within a
// second.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// oneLine checks that a run failed quickly with an error of one line that contains these texts.
func oneLine(t *testing.T, what string, r result, says ...string) {
	t.Helper()
	if r.status != 125 || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "tincan: ") || len(r.err) > 700 {
		t.Errorf("%s: %v", what, r)
	}
	for _, s := range says {
		if !strings.Contains(r.err, s) {
			t.Errorf("%s: the error lacks %q\n%s", what, s, r.err)
		}
	}
	if limit := time.Second; r.took > limit {
		t.Errorf("%s: it took %v", what, r.took)
	}
	for _, c := range r.err {
		if c < ' ' && c != '\n' {
			t.Errorf("%s: the error has a control character: %q", what, r.err)
		}
	}
}

// TestHostileProfiles tries files that are not profiles.
func TestHostileProfiles(t *testing.T) {
	dir := tree(t)
	files := publicDir(t, 0o755)
	noLeaks(t, dir)
	rule := func(s string) string { return `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [` + s + `]}` }
	word := func(code, jt, jf, k int) string {
		return string([]byte{byte(code), byte(code >> 8), byte(jt), byte(jf), byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)})
	}
	for name, c := range map[string]struct{ content, says string }{
		"empty":              {"", "empty"},
		"blanks":             {" \n\t\n", ""},
		"half":               {`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [`, ""},
		"nested":             {strings.Repeat("[", 100000), ""},
		"nested objects":     {strings.Repeat(`{"a":`, 100000), ""},
		"no action":          {`{}`, "defaultAction"},
		"null":               {`null`, ""},
		"number":             {`17`, ""},
		"action of no sort":  {`{"defaultAction": "SCMP_ACT_NONESUCH"}`, "SCMP_ACT_NONESUCH"},
		"action a number":    {`{"defaultAction": 5}`, "defaultAction"},
		"twice":              {`{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_ERRNO"}`, "defaultAction"},
		"unknown key":        {`{"defaultAction": "SCMP_ACT_ALLOW", "nonesuch": 1}`, "nonesuch"},
		"index":              {rule(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}`), "index"},
		"value":              {rule(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}]}`), "value"},
		"negative":           {rule(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}`), "value"},
		"operator":           {rule(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_LIKE"}]}`), "SCMP_CMP_LIKE"},
		"errno":              {rule(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000}`), "errnoRet"},
		"names":              {rule(`{"names": "read", "action": "SCMP_ACT_ERRNO"}`), "names"},
		"escape":             {"{\"defaultAction\": \"SCMP_\x1b[2J\"}", ""},
		"escaped":            {`{"defaultAction": "SCMP_\u001b[2J\u202e"}`, ""},
		"not UTF-8":          {"{\"defaultAction\": \"\xff\xfe\"}", ""},
		"zero bytes":         {strings.Repeat("\x00", 64), ""},
		"a program":          {"\x7fELF\x02\x01\x01" + strings.Repeat("\x00\xff", 500), ""},
		"filter, cut":        {word(6, 0, 0, 0x7fff0000)[:7], ""},
		"filter, no end":     {word(0x20, 0, 0, 0), ""},
		"filter, jump":       {word(0x15, 200, 200, 0) + word(6, 0, 0, 0x7fff0000), ""},
		"filter, offset":     {word(0x20, 0, 0, 64) + word(6, 0, 0, 0x7fff0000), ""},
		"filter, load":       {word(0x20, 0, 0, 2) + word(6, 0, 0, 0x7fff0000), ""},
		"filter, long":       {strings.Repeat(word(0x20, 0, 0, 0), 4097) + word(6, 0, 0, 0x7fff0000), ""},
		"filter, kills":      {word(6, 0, 0, 0), ""},
		"filter, unknown op": {word(0xffff, 0, 0, 0) + word(6, 0, 0, 0x7fff0000), ""},
	} {
		file := filepath.Join(files, strings.ReplaceAll(name, " ", "-"))
		write(t, file, c.content)
		oneLine(t, name, tincan(t, "--seccomp="+file, "-m", dir, "--", "echo", "ran"), "--seccomp="+file, c.says)
	}
	big := filepath.Join(files, "big")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	f.Truncate(1 << 40)
	f.Close()
	oneLine(t, "a terabyte", tincan(t, "--seccomp="+big, "-m", dir, "--", "echo", "ran"), "--seccomp="+big)
	fifo := filepath.Join(files, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{big, fifo, "/dev/zero", "/", "/nonesuch"} {
		for _, args := range [][]string{{"show", file}, {"compile", file, "-o", filepath.Join(files, "out")}, {"eval", file, "read"}} {
			oneLine(t, fmt.Sprint(args), tincan(t, append([]string{"seccomp"}, args...)...), file)
		}
	}
}

// TestHostileIDFiles tries broken lines in /etc/subuid.
func TestHostileIDFiles(t *testing.T) {
	needRoot(t)
	needProgram(t, "newuidmap")
	u := user{before: becomeUser(t, "ranges")}
	dir := tree(t)
	noLeaks(t, dir)
	files := publicDir(t, 0o755)
	for name, line := range map[string]string{
		"no count":      "tincantest:100000",
		"no first":      "tincantest::65536",
		"negative":      "tincantest:-1:65536",
		"too large":     "tincantest:4294967296:1",
		"past the end":  "tincantest:4294967000:65536",
		"hexadecimal":   "tincantest:0x100000:65536",
		"carriage":      "tincantest:100000:65536\r",
		"blank":         "tincantest: 100000:65536",
		"four":          "tincantest:100000:65536:1",
		"huge digits":   "tincantest:" + strings.Repeat("9", 300) + ":1",
		"escape":        "tincantest:\x1b[2J:1",
		"overlapping":   "tincantest:100000:65536\ntincantest:100500:10",
		"the own id":    fmt.Sprintf("tincantest:%d:10", testUser),
		"of the number": fmt.Sprintf("%d:1:2:3", testUser),
	} {
		file := filepath.Join(files, strings.ReplaceAll(name, " ", "-"))
		write(t, file, line+"\n")
		r := job{before: u.with(fmt.Sprintf("mount --bind '%s' /etc/subuid", file)).before, args: []string{"--no-cgroup", "-m", dir, "--", "echo", "ran"}}.run(t)
		r.took -= 500 * time.Millisecond // unshare, sh and setpriv
		oneLine(t, name, r, "/etc/subuid")
	}
	long := filepath.Join(files, "long")
	write(t, long, strings.Repeat("somebody:100000:65536\n", 200000)+"tincantest:100000:65536\n")
	if r := (job{before: u.with(fmt.Sprintf("mount --bind '%s' /etc/subuid", long)).before, args: []string{"--no-cgroup", "-m", dir, "--", "echo", "ran"}}).run(t); r.took > 3*time.Second || r.status != 0 && r.status != 125 {
		t.Errorf("200,000 lines: %v after %v", r, r.took)
	}
}

// TestHostileArguments tries broken files for an image, and arguments that no program expects.
func TestHostileArguments(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	files := t.TempDir()
	fifo, out := filepath.Join(files, "fifo"), filepath.Join(files, "out")
	syscall.Mkfifo(fifo, 0o666)
	os.Symlink("loop", files+"/loop")
	write(t, files+"/zero", "run\x00\n")
	write(t, files+"/empty", "")
	for _, args := range [][]string{
		{"initramfs", "-o", out, "--add", files + "/loop/x:/x"},
		{"initramfs", "-o", out, "--add", files + "/nonesuch:/x"},
		{"initramfs", "-o", out, "--add", files},
		{"initramfs", "-o", out, "--add", files + "/empty:x/../../y"},
		{"initramfs", "-o", out, "--add", files + "/empty:/x", "--add", files + "/empty:/x/y"},
		{"initramfs", "-o", out, "--args-file", fifo},
		{"initramfs", "-o", out, "--args-file", files + "/zero"},
		{"initramfs", "-o", out, "--args-file", files + "/empty"},
		{"initramfs", "-o", out, "--args-file", "/dev/zero"},
		{"initramfs", "-o", fifo},
		{"initramfs", "-o", files},
		{"initramfs", "-o", "/dev/full"},
		{"-m", dir, "-a", strings.Repeat("/x", 3000) + ":/y", "--", "true"},
		{"-m", dir, "-a", "/etc:" + strings.Repeat("/x", 3000), "--", "true"},
		{"-m", dir, "--hostname=a\x1b[2J", "-w", "x", "--", "true"},
		{"-m", dir, "-w", "\x1b]0;title\a", "--", "true"},
		{"-m", dir, "--rlimit=\x1b[31m=1", "--", "true"},
		{"-m", dir, "--memory=" + strings.Repeat("9", 4000), "--", "true"},
		{"-m", dir, "--timeout=" + strings.Repeat("1", 4000) + "h", "--", "true"},
		{"-m", dir, "--map=" + strings.Repeat("0:", 2000), "--", "true"},
		{"-m", dir, "-u", strings.Repeat("u", 100), "--", "true"},
		{"-m", dir, "--stats=" + files + "/fifo", "--", "true"},
		{"-m", dir, "--env-file=" + fifo, "--", "true"},
		{"--config=" + fifo, "--", "true"},
	} {
		r := tincan(t, args...)
		if len(strings.Join(args, " ")) > 2000 && len(r.err) > 700 {
			r.err = r.err[:100] + "\n" // a long argument may make the error long
		}
		oneLine(t, fmt.Sprintf("%.80q", args), r)
	}
}

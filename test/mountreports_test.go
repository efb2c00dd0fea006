// What users of such tools have reported about files and mounts; the names are those of the list.
package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// R3: /dev/stdout, where it is a pipe that somebody else has made.
func TestR3StdoutIsOpenedAgain(t *testing.T) {
	notForRanges(t, "the user's own pipe belongs to user 0 inside, and -u 33 is another")
	const script = `echo out >/dev/stdout; echo err >/dev/stderr; echo more >>/proc/self/fd/1; cat /dev/stdin
for c in "exec 3<>/dev/stdin" "exec 3<>/dev/stdout" "exec 3</dev/stdout" "exec 3>/dev/stdin"; do (eval "$c") 2>/dev/null && echo "$c"; done`
	for _, flags := range [][]string{nil, {"-u", "33"}, {"--no-init"}} {
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		to.WriteString("in\n")
		to.Close()
		r := job{args: append(flags, "--", "sh", "-c", script), in: from}.run(t)
		from.Close()
		want := "out\nmore\nin\n"
		if asUser != "" { // the pipes are the user's, in either direction
			want += "exec 3<>/dev/stdin\nexec 3<>/dev/stdout\nexec 3</dev/stdout\nexec 3>/dev/stdin\n"
		}
		if r.status == 125 || r.out != want || r.err != "err\n" {
			t.Errorf("%v: want %q\n%v", flags, want, r)
		}
	}
}

// R3: a FIFO with a name, and a file, belong to the host: nothing about them changes.
func TestR3FilesStay(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if out, err := exec.Command("mkfifo", "-m", "600", dir+"/fifo").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	write(t, dir+"/file", "")
	script := `"$0" -- sh -c 'echo x >/dev/stdout' <>"$1" >&0; "$0" -- sh -c 'echo x >/dev/stdout' >"$2"; stat -c '%a %u' "$1" "$2"`
	out, err := exec.Command("sh", "-c", script, tincanBin, dir+"/fifo", dir+"/file").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "600 0\n644 0\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// R5: the host's network has names, wherever the host's resolv.conf leads to.
func TestR5Resolver(t *testing.T) {
	// An /etc like the host's, of symlinks and without resolv.conf, and a /run with the file.
	const prepare = `mount -t tmpfs t /mnt; mkdir /mnt/etc; cp -P /etc/passwd /etc/group /mnt/etc; mount --bind /mnt/etc /etc; mount -t tmpfs r /run; mkdir -p /run/a /run/b
echo nameserver 192.0.2.7 >/run/b/real; ln -s ../b/real /run/a/link; umount -l /mnt || :; `
	for name, link := range map[string]string{
		"one link":         "ln -s /run/b/real /etc/resolv.conf",
		"relative":         "ln -s ../run/b/real /etc/resolv.conf",
		"several":          "ln -s ../run/a/link /etc/resolv.conf",
		"several in /etc":  "ln -s here /etc/resolv.conf; ln -s /var/run/a/link /etc/here",
		"above the root":   "ln -s ../../../run/a/link /etc/resolv.conf",
		"a file":           "cp /run/b/real /etc/resolv.conf",
		"a file in a link": "ln -s sub /etc/d; mkdir /etc/sub; cp /run/b/real /etc/sub/f; ln -s d/f /etc/resolv.conf",
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			before := inMountNS(t, prepare+link)
			r := job{before: before, args: []string{"--net=host", "--", "sh", "-c", "cat /etc/resolv.conf; echo >/etc/resolv.conf"}}.run(t)
			if r.out != "nameserver 192.0.2.7\n" || !strings.Contains(r.err, "Read-only") {
				t.Error(r)
			}
			// What the user adds there wins; without the host's network there is nobody to ask.
			r = job{before: before, args: []string{"--net=host", "-a", "/etc/passwd:/etc/resolv.conf", "--", "grep", "-c", "^root:", "/etc/resolv.conf"}}.run(t)
			if r.out != "1\n" {
				t.Error(r)
			}
			r = job{before: before, args: []string{"--", "ls", "/run"}}.run(t)
			if r.out != "" || r.status != 0 {
				t.Error(r)
			}
		})
	}
	for name, link := range map[string]string{"none": ":", "dangling": "ln -s /run/nowhere /etc/resolv.conf", "a loop": "ln -s resolv.conf /etc/resolv.conf", "a directory": "ln -s /run/a /etc/resolv.conf"} {
		r := job{before: inMountNS(t, prepare+link), args: []string{"--net=host", "--", "sh", "-c", "cat /etc/resolv.conf 2>/dev/null; ls /run"}}.run(t)
		if r.out != "" || r.status != 0 || r.err != "" {
			t.Errorf("%s: %v", name, r)
		}
	}
}

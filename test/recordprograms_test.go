// Everyday programs are recorded, and then run under the profile: with the same output and status,
// and with every other call refused. Every call that strace sees must be recorded.
package test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// outside is a program that makes a call which none of the programs makes. Its status is 42 if the
// call is refused.
const outside = `#include <errno.h>
#include <sys/ptrace.h>
int main(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM ? 42 : 0; }
`

// recordedPrograms are shell scripts. /tmp/p has the files of recordedFiles, /tmp/w can be written
// to. The output of each script is always the same.
var recordedPrograms = []struct {
	name, needs string // needs: programs, separated by blanks
	flags       string
	script      string
	want        string // a part of the output
}{
	{"busybox", "busybox", "", `busybox sh -c 'for i in 3 1 2; do busybox echo $i; done | busybox sort; busybox ls /tmp/p | busybox wc -l'`, "1\n2\n3\n"},
	{"bash", "bash", "", `set -o pipefail; for i in 3 1 2; do echo $i; done | sort | tr '\n' ' '; cat <(echo sub); (exit 3) || echo $?; read -r x </tmp/p/text; echo ${#x}`, "1 2 3 sub\n3\n"},
	{"python", "/usr/bin/python3", "", `cd /tmp/p && exec /usr/bin/python3 server.py`, "the text\n"},
	{"node", "node", "", `node /tmp/p/server.js`, "200 hello\n"},
	{"go", "go", "--pids=200 --memory=3G --timeout=4m", `cp -r /tmp/p/go /tmp/w/go && cd /tmp/w/go && HOME=/tmp/w GOCACHE=/tmp/cache GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 go build -p 1 -o hello . && ./hello`, "hello from go\n"},
	{"gcc", "gcc", "", `gcc -O2 -o /tmp/w/hello /tmp/p/hello.c -lpthread && /tmp/w/hello`, "hello from c\n"},
	{"git", "git", "", `cd /tmp/w && git init -q a && cd a && cp /tmp/p/text . && git add . && git -c user.name=n -c user.email=e@x commit -qm first && git clone -q /tmp/w/a /tmp/w/b && git -C /tmp/w/b log --format=%s && cat /tmp/w/b/text`, "first\nthe text\n"},
	{"nginx", "nginx curl", "", `mkdir -p /tmp/w/n && nginx -p /tmp/w/n -c /tmp/p/nginx.conf && for i in 1 2 3 4 5 6 7 8 9; do curl -s http://127.0.0.1:8080/text && break; sleep 0.2; done; kill $(cat /tmp/w/n/pid)`, "the text\n"},
	{"redis", "redis-server redis-benchmark redis-cli", "", `redis-server --port 7000 --save '' --daemonize yes --dir /tmp/w --logfile /tmp/w/log --pidfile /tmp/w/pid >/dev/null && for i in 1 2 3 4 5 6 7 8 9; do redis-cli -p 7000 ping 2>&1 | grep PONG && break; sleep 0.2; done; redis-benchmark -p 7000 -n 500 -t get,set -q | grep -c 'requests per second'; redis-cli -p 7000 shutdown nosave; echo $?`, "PONG\n2\n"},
	{"sqlite", "sqlite3", "", `sqlite3 /tmp/w/db 'create table t(a int); insert into t values(20),(22); select sum(a) from t;'`, "42\n"},
	{"tar", "tar xz", "", `cd /tmp/w && tar -C /tmp -cf p.tar p/text p/go && xz p.tar && xz -t p.tar.xz && xz -d p.tar.xz && tar -xOf p.tar p/text`, "the text\n"},
	{"threads", "", "--pids=200", `/tmp/p/probe threads`, `["the end"]`},
	{"postgres", "/usr/lib/postgresql/15/bin/initdb pgbench", "-u 33 --pids=200 --timeout=2m", `B=/usr/lib/postgresql/15/bin; $B/initdb -D /tmp/w/pg -A trust --no-sync >/dev/null && $B/pg_ctl -D /tmp/w/pg -w -l /tmp/w/pglog -o "-k /tmp/w -c listen_addresses= -c fsync=off" start >/dev/null && pgbench -h /tmp/w -i -s 1 -q postgres >/dev/null 2>&1 && pgbench -h /tmp/w -t 20 -c 2 postgres 2>/dev/null | grep -c 'tps ='; psql -h /tmp/w -tAc 'select 6*7' postgres; $B/pg_ctl -D /tmp/w/pg stop >/dev/null`, "1\n42\n"},
}

// alwaysTheSame are the scripts that make the same calls each time, so that all recordings are
// equal.
var alwaysTheSame = []string{"busybox", "bash", "gcc", "git", "sqlite", "tar"}

// recordedFiles makes the directory that the scripts see as /tmp/p.
func recordedFiles(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	mkdir(t, dir+"/go")
	write(t, dir+"/text", "the text\n")
	copyFile(t, probeBin, dir+"/probe")
	write(t, dir+"/server.py", `import threading, http.server, urllib.request
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), H)
threading.Thread(target=s.serve_forever).start()
print(urllib.request.urlopen("http://127.0.0.1:8000/text").read().decode(), end="")
s.shutdown()
`)
	write(t, dir+"/server.js", `const http = require('http');
const s = http.createServer((q, r) => r.end('hello')).listen(8000, '127.0.0.1', () =>
  http.get('http://127.0.0.1:8000/', r => { let b = ''; r.on('data', d => b += d); r.on('end', () => { console.log(r.statusCode, b); s.close(); s.closeAllConnections(); }); }));
`)
	write(t, dir+"/nginx.conf", `pid /tmp/w/n/pid;
error_log /tmp/w/n/error;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/w/n/1; proxy_temp_path /tmp/w/n/2; fastcgi_temp_path /tmp/w/n/3; uwsgi_temp_path /tmp/w/n/4; scgi_temp_path /tmp/w/n/5;
  server { listen 127.0.0.1:8080; root /tmp/p; }
}
`)
	write(t, dir+"/go/go.mod", "module hello\n\ngo 1.20\n")
	write(t, dir+"/go/main.go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello from go\") }\n")
	write(t, dir+"/hello.c", "#include <stdio.h>\n#include <pthread.h>\nstatic void *f(void *p) { puts(\"hello from c\"); return p; }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return pthread_join(t, 0); }\n")
	return dir
}

// TestRecordedPrograms records each script, and runs it under the profile.
func TestRecordedPrograms(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	files := recordedFiles(t)
	write(t, files+"/outside.c", outside)
	if out, err := exec.Command("cc", "-static", "-o", files+"/outside", files+"/outside.c").CombinedOutput(); err != nil {
		skip(t, "a C compiler and static C library (apt-get install gcc libc6-dev): %v\n%s", err, out)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(t.TempDir(), "cache") // so that Go builds its standard library only once
	mkdir(t, cache)
	os.Chmod(cache, 0o777)
	for _, c := range recordedPrograms {
		t.Run(c.name, func(t *testing.T) {
			for need := range strings.FieldsSeq(c.needs) {
				needProgram(t, need)
			}
			flags := append(strings.Fields(c.flags), "-a", files+":/tmp/p:ro", "-a", cache+":/tmp/cache", "--tmpfs=/tmp/w",
				"-e", "PATH=/usr/sbin:/usr/bin:/sbin:/bin:"+strings.TrimSpace(string(goroot))+"/bin", "--", "bash", "-c", c.script)
			profile := filepath.Join(t.TempDir(), "p.json")
			run := func(more ...string) result {
				return job{args: append(more, flags...), within: 5 * time.Minute}.run(t)
			}
			plain := run()
			if plain.status != 0 || !strings.Contains(plain.out, c.want) {
				t.Fatalf("without a recording: %v", plain)
			}
			recorded := run("record", "-o", profile)
			if recorded.status != plain.status || recorded.out != plain.out {
				t.Errorf("in a recording: %v\notherwise: %v", recorded, plain)
			}
			// Threads act differently from run to run, so the profile is that of two runs.
			first := read(t, profile)
			if again := run("record", "-o", profile, "--merge="+profile); again.out != plain.out {
				t.Errorf("in the second recording: %v\notherwise: %v", again, plain)
			}
			if slices.Contains(alwaysTheSame, c.name) {
				run("record", "-o", profile)
			}
			if again := read(t, profile); again != first && slices.Contains(alwaysTheSame, c.name) {
				t.Errorf("a second recording differs:\n%s\n%s", first, again)
			}
			under := run("--seccomp=" + profile)
			if under.status != plain.status || under.out != plain.out {
				t.Errorf("under the profile: %v\notherwise: %v", under, plain)
			}
			if r := tincan(t, "--seccomp="+profile, "-a", files+":/tmp/p:ro", "--", "/tmp/p/outside"); r.status != 42 {
				t.Errorf("a call that is not in the profile: %v", r)
			}
			t.Logf("%s", strings.TrimSpace(recorded.err[strings.LastIndex(strings.TrimSpace(recorded.err), "tincan: "):]))
		})
	}
	if r := tincan(t, "-a", files+":/tmp/p:ro", "--", "/tmp/p/outside"); r.status != 0 {
		t.Errorf("without a profile, the call that the profiles must refuse is refused too: %v", r)
	}
}

// straceCall matches a line of strace -f, and finds the call's name.
var straceCall = regexp.MustCompile(`^\d+ +([a-z0-9_]+)\(`)

// straceResumed matches the second half of a line that another thread's call has interrupted, if the
// call was refused with ENOSYS.
var straceResumed = regexp.MustCompile(`^\d+ +<\.\.\. ([a-z0-9_]+) resumed>.*ENOSYS`)

// TestRecordIsComplete checks that a recording has every call that strace sees the command make.
// strace runs inside the container, so that both see the same.
func TestRecordIsComplete(t *testing.T) {
	needRoot(t)
	needProgram(t, "strace")
	if runtime.GOARCH != "amd64" {
		t.Skip("this comparison is made on amd64 only")
	}
	noLeaks(t)
	files := recordedFiles(t)
	for _, c := range recordedPrograms {
		if !slices.Contains(append(alwaysTheSame, "python"), c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			for need := range strings.FieldsSeq(c.needs) {
				needProgram(t, need)
			}
			at := t.TempDir()
			os.Chmod(at, 0o777)
			flags := append(strings.Fields(c.flags), "-a", files+":/tmp/p:ro", "-a", at+":/tmp/out", "--tmpfs=/tmp/w", "-e", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--")
			traced := tincan(t, append(flags, "strace", "-f", "-q", "-o", "/tmp/out/trace", "bash", "-c", c.script)...)
			if traced.status != 0 {
				t.Fatal(traced)
			}
			profile := filepath.Join(t.TempDir(), "p.json")
			record(t, profile, append([]string{"--minimal"}, append(flags, "bash", "-c", c.script)...)...)
			p := readProfile(t, profile)
			f, err := os.Open(at + "/trace")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			missing, seen := map[string]int{}, 0
			for lines := bufio.NewScanner(f); lines.Scan(); {
				if m := straceResumed.FindStringSubmatch(lines.Text()); m != nil && missing[m[1]] > 0 {
					missing[m[1]]-- // this line has the result of the call, and another one its beginning
				}
				m := straceCall.FindStringSubmatch(lines.Text())
				if m == nil {
					continue
				}
				seen++
				// Calls that are refused are not recorded.
				if name := m[1]; !p.allows(name) && !strings.Contains(lines.Text(), "ENOSYS") {
					missing[name]++
				}
			}
			delete(missing, "execve") // the first execve is tincan's own
			for name, n := range missing {
				if n == 0 {
					delete(missing, name)
				}
			}
			if len(missing) > 0 || seen < 100 {
				t.Errorf("of %d calls, these were not recorded: %v", seen, missing)
			}
			t.Logf("%d calls", seen)
		})
	}
}

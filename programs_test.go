// Ordinary programs under the default filter and under Docker's profile. They must work as
// without a filter.

package main

import (
	"bytes"
	"os/exec"
	"testing"
)

// programs are command lines and what they print. Each needs the program of its name.
var programs = []struct{ name, want, command string }{
	{"bash", "3\n", `bash -c 'echo a b c | tr " " "\n" | sort | wc -l'`},
	{"python3", "285 3 [0, 1, 2]\n", `python3 -c '
import threading, multiprocessing, asyncio, socket, tempfile, subprocess
def square(x): return x * x
total = []
threads = [threading.Thread(target=lambda i=i: total.append(i * i)) for i in range(10)]
[t.start() for t in threads]; [t.join() for t in threads]
async def nap(i): await asyncio.sleep(0.01); return i
async def naps(): return await asyncio.gather(*[nap(i) for i in range(3)])
a, b = socket.socketpair(); a.send(b"x"); b.recv(1)
subprocess.run(["true"], check=True)
with multiprocessing.get_context("fork").Pool(3) as pool: n = len(pool.map(square, range(3)))
print(sum(total), n, asyncio.run(naps()))'`},
	{"node", "worker 2 ok\n", `node -e '
const { Worker } = require("worker_threads"), http = require("http"), fs = require("fs");
new Worker("require(\"worker_threads\").parentPort.postMessage(1+1)", { eval: true }).on("message", m => {
  const s = http.createServer((q, r) => r.end("ok")).listen(0, "127.0.0.1", async () => {
    await fs.promises.readFile("/etc/passwd");
    console.log("worker", m, await (await fetch("http://127.0.0.1:" + s.address().port)).text()); process.exit(0); }) })'`},
	{"git", "one\n", `cd $(mktemp -d) && git init -q . && echo a > f && git add f && git -c user.name=a -c user.email=b commit -qm one && git log --format=%s && git gc -q && rm -rf "$PWD"`},
	{"gcc", "hello\n", `d=$(mktemp -d) && printf '#include <stdio.h>\nint main(){puts("hello");}' > $d/a.c && gcc -O1 -o $d/a $d/a.c && $d/a && rm -r $d`},
	{"go", "hello\n", `d=$(mktemp -d) && printf 'package main\nfunc main(){println("hello")}' > $d/a.go && cd $d && go run a.go 2>&1 && rm -r $d`},
	{"tar", "a\n", `d=$(mktemp -d) && cd $d && echo a > f && tar czf t.tgz f && rm f && tar xzf t.tgz && cat f && rm -r $d`},
	{"redis-server", "PONG\n", `redis-server --port 0 --unixsocket /tmp/tincan-redis-$$ --save "" >/dev/null & for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; redis-cli -s /tmp/tincan-redis-$$ ping 2>/dev/null && break; done; redis-cli -s /tmp/tincan-redis-$$ shutdown; wait; rm -f /tmp/tincan-redis-$$`},
	{"nginx", "hello\n", `d=$(mktemp -d) && chmod 755 $d && echo hello > $d/i && printf 'daemon off; worker_processes 2; error_log %s/e; pid %s/p; events {} http { access_log %s/a;
client_body_temp_path %s/b; proxy_temp_path %s/c; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;
server { listen unix:%s/n; root %s; } }' $d $d $d $d $d $d $d $d $d $d > $d/conf; nginx -c $d/conf 2>/dev/null & for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; curl -s --unix-socket $d/n http://x/i && break; done; kill $(cat $d/p); wait; rm -r $d`},
	{"sqlite3", "2\n", `f=$(mktemp) && sqlite3 $f 'create table t(a); insert into t values(1),(1); select count(*) from t;' && rm $f`},
	{"busybox", "2\n", `busybox sh -c 'busybox echo 1; busybox echo 2' | busybox tail -n1`},
	{"dpkg", "tincan-test\n", `PATH=$PATH:/usr/sbin:/sbin; d=$(mktemp -d) && mkdir -p $d/p/DEBIAN $d/p/usr/bin $d/root && printf 'Package: tincan-test\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n' > $d/p/DEBIAN/control && echo x > $d/p/usr/bin/x && dpkg-deb -b $d/p $d/p.deb >/dev/null && dpkg --root=$d/root --force-not-root --force-script-chrootless -i $d/p.deb >/dev/null 2>&1; dpkg-query --admindir=$d/root/var/lib/dpkg -W -f '${Package}\n'; rm -r $d`},
}

// TestPrograms runs each program under each filter.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: make test runs these programs")
	}
	for _, spec := range []string{"default", "moby-default.json"} {
		file := spec
		if spec != "default" {
			file = profileFile(spec)
		}
		p, _, err := seccompPolicy(file, dockerCaps, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range programs {
			t.Run(spec+"/"+c.name, func(t *testing.T) {
				if _, err := exec.LookPath(c.name); err != nil {
					missing(t, "%s is not installed", c.name)
				}
				var errs bytes.Buffer
				cmd := filtered(t, p, "sh", "-c", c.command)
				cmd.Stderr = &errs
				out, err := cmd.Output()
				if err != nil || string(out) != c.want {
					t.Errorf("%v, %q, want %q\n%s", err, out, c.want, errs.String())
				}
			})
		}
	}
}

// Recorded profiles in other programs: the OCI's schema, runc and crun. A test in the root
// directory gives them to libseccomp.
package test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bundle returns an OCI bundle whose filter is the profile.
func bundle(t *testing.T, root, profile string, command ...string) string {
	t.Helper()
	type object = map[string]any
	var namespaces []object
	for kind := range strings.FieldsSeq("pid network ipc uts mount") {
		namespaces = append(namespaces, object{"type": kind})
	}
	config := object{
		"ociVersion": "1.0.2", "hostname": "record", "root": object{"path": root},
		"mounts": []object{{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}},
		"process": object{"args": command, "cwd": "/", "env": []string{"PATH=/bin"}, "noNewPrivileges": true, "user": object{"uid": 0, "gid": 0},
			"capabilities": object{"bounding": []string{}, "effective": []string{}, "permitted": []string{}}},
		"linux": object{"namespaces": namespaces, "seccomp": json.RawMessage(read(t, profile))},
	}
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir+"/config.json", string(b))
	return dir
}

// recordedScript is what runc runs. Its last command makes a call that is not recorded.
const recordedScript = "echo $(echo one | cat) two; mkdir /tmp/d; ls /tmp; ln -s a /tmp/l || echo refused"

// recordedForOthers records recordedScript without its last command.
func recordedForOthers(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.json")
	record(t, file, append(flags, "-m", dir, "--", "sh", "-c", strings.Split(recordedScript, "; ln")[0])...)
	return file
}

// TestRecordForRunc checks that runc and crun accept the profile, and that it works there.
func TestRecordForRunc(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	for runtime, works := range map[string]bool{"runc": true, "crun": onV2()} { // crun does not support hosts with both versions of cgroups
		t.Run(runtime, func(t *testing.T) {
			if !works {
				t.Skip("not with version 1 of control groups")
			}
			needProgram(t, runtime)
			for _, flag := range []string{"--report", "--args"} {
				b := bundle(t, dir, recordedForOthers(t, dir, flag), "/bin/sh", "-c", recordedScript)
				out, err := exec.Command(runtime, "--root", t.TempDir(), "run", "--bundle", b, "tincan-test-record").Output()
				if err != nil || string(out) != "one two\nd\nrefused\n" {
					t.Errorf("%s: %q, %v", flag, out, err)
				}
			}
		})
	}
}

// validator is a Python program that checks a JSON document against a schema (python3-jsonschema).
const validator = `import json, sys, jsonschema
schema, config = sys.argv[1:]
s = json.load(open(schema + "/config-schema.json"))
r = jsonschema.RefResolver("file://" + schema + "/config-schema.json", s)
jsonschema.Draft4Validator(s, resolver=r).validate(json.load(open(config)))
`

// TestRecordIsOCI checks that the profile conforms to the OCI's schema.
func TestRecordIsOCI(t *testing.T) {
	notForUsers(t, "the profile would be the same, and this user has no cache of Go modules")
	dir := tree(t)
	python := needProgram(t, "/usr/bin/python3")
	if err := exec.Command(python, "-c", "import jsonschema").Run(); err != nil {
		skip(t, "the Python module jsonschema (apt-get install python3-jsonschema)")
	}
	// This Go module also contains the schema.
	c := exec.Command("go", "mod", "download", "-json", "github.com/opencontainers/runtime-spec@v1.2.1")
	c.Dir = t.TempDir()
	out, err := c.Output()
	var module struct{ Dir string }
	if json.Unmarshal(out, &module) != nil || module.Dir == "" {
		skip(t, "the OCI's schema (go mod download: %v)", err)
	}
	for _, flag := range []string{"--report", "--args", "--minimal"} {
		b := bundle(t, dir, recordedForOthers(t, dir, flag), "sh")
		if out, err := exec.Command(python, "-c", validator, module.Dir+"/schema", b+"/config.json").CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", flag, err, out)
		}
		// The validator must find an error.
		write(t, b+"/config.json", strings.Replace(read(t, b+"/config.json"), "SCMP_ACT_ALLOW", "SCMP_ACT_MAYBE", 1))
		if exec.Command(python, "-c", validator, module.Dir+"/schema", b+"/config.json").Run() == nil {
			t.Error("the schema accepts an action that does not exist")
		}
	}
}

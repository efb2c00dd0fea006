package vm

// Modules of a kernel, in the order in which to load them.
//
// depmod(8) lists the dependencies, but Debian's packages lack its list. Each module names its own
// dependencies, in its .modinfo section.

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Modules returns the files of the named modules and of all modules that they need, which come
// first. Modules that are built into the kernel are left out.
func (k *Kernel) Modules(names ...string) ([]string, error) {
	top := filepath.Join(k.tree, "lib/modules", k.Release)
	builtin, err := os.ReadFile(filepath.Join(top, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	err = filepath.WalkDir(filepath.Join(top, "kernel"), func(p string, d fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(filepath.Base(p), ".ko"); ok {
			files[dashed(name)] = p
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []string
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		name = dashed(name)
		if seen[name] {
			return nil
		}
		seen[name] = true
		file, ok := files[name]
		if !ok {
			for line := range strings.Lines(string(builtin)) {
				if dashed(strings.TrimSuffix(filepath.Base(strings.TrimSpace(line)), ".ko")) == name {
					return nil
				}
			}
			return fmt.Errorf("the kernel %s has no module %s", k.Release, name)
		}
		needs, err := moduleNeeds(file)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if err := add(n); err != nil {
				return err
			}
		}
		out = append(out, file)
		return nil
	}
	for _, n := range names {
		if err := add(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dashed returns a module's name with _ for -, because both mean the same.
func dashed(name string) string { return strings.ReplaceAll(name, "-", "_") }

// moduleNeeds returns the modules in a module's depends= line.
func moduleNeeds(file string) ([]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(file, ".xz") {
		if b, err = exec.Command("xz", "-dc", file).Output(); err != nil {
			return nil, fmt.Errorf("xz -dc %s: %w", file, err)
		}
	}
	_, after, ok := bytes.Cut(b, []byte("\x00depends="))
	if !ok {
		return nil, fmt.Errorf("%s does not name its dependencies", file)
	}
	line, _, _ := bytes.Cut(after, []byte{0})
	return strings.FieldsFunc(string(line), func(r rune) bool { return r == ',' }), nil
}

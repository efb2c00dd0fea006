// Destinations behind symlinks: the symlinks are followed inside the container, and nowhere else.
package test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDestinationsThroughLinks adds a file at destinations behind symlinks.
func TestDestinationsThroughLinks(t *testing.T) {
	dir, added := tree(t), t.TempDir()
	for _, d := range []string{"run/here", "var/deep", "a/b"} {
		mkdir(t, filepath.Join(dir, d))
	}
	for link, to := range map[string]string{"var/run": "/run", "var/up": "../../../../../run", "etc/conf": "conf.d/file", "a/chain": "b/next", "a/b/next": "/var/run/here"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, added+"/real")
	for link, to := range map[string]string{"relative": "real", "absolute": "/run/here", "over": "../../../run"} {
		os.Symlink(to, filepath.Join(added, link))
	}
	write(t, added+"/file", "contents\n")
	write(t, added+"/real/there", "")
	noLeaks(t, dir, added)
	file := added + "/file"
	for name, c := range map[string]struct {
		flags []string
		at    string // where it is, without symlinks; "" for an error
	}{
		"absolute link":        {[]string{"-a", file + ":/var/run/secrets/token"}, "/run/secrets/token"},
		"above the root":       {[]string{"-a", file + ":/var/up/token"}, "/run/token"},
		"the last name":        {[]string{"-a", file + ":/etc/conf"}, "/etc/conf.d/file"},
		"several links":        {[]string{"-a", file + ":/a/chain/token"}, "/run/here/token"},
		"into a tmpfs":         {[]string{"--tmpfs=/run", "-a", file + ":/var/run/deep/token"}, "/run/deep/token"},
		"a tmpfs":              {[]string{"--tmpfs=/var/run/t", "-a", file + ":/run/t/x/token"}, "/run/t/x/token"},
		"into an added folder": {[]string{"-a", added + ":/srv", "-a", file + ":/srv/relative/there"}, "/srv/real/there"},
		"out of one":           {[]string{"-a", added + ":/srv", "-a", file + ":/srv/absolute/token"}, "/run/here/token"},
		"out of one, by ..":    {[]string{"-a", added + ":/srv/deep", "-a", file + ":/srv/deep/over/token"}, "/run/token"},
		"read-only":            {[]string{"--ro", "-a", file + ":/var/run/here"}, ""},
		"ephemeral":            {[]string{"--ephemeral", "-a", file + ":/var/run/secrets/token"}, "/run/secrets/token"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.at == "" { // the destination is a directory
				refused(t, tincan(t, append(c.flags, "-m", dir, "--", "/bin/true")...), "/run/here in the container is a directory")
				return
			}
			if out := ok(t, append(c.flags, "-m", dir, "--", "/bin/cat", c.at)...); out != "contents" {
				t.Errorf("%q", out)
			}
			if target := c.flags[len(c.flags)-1][len(file)+1:]; target != c.at {
				ok(t, append(c.flags, "-m", dir, "--", "/bin/cat", target)...)
			}
		})
	}
	// On the host's own tree, where /run is private.
	if to, err := os.Readlink("/var/run"); err == nil && (to == "/run" || to == "../run") {
		if out := ok(t, "-a", file+":/var/run/secrets/token", "--", "cat", "/run/secrets/token"); out != "contents" {
			t.Errorf("%q", out)
		}
	}
}

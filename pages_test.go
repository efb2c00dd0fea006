// The pages for readers: README.md, TUTORIAL.md, SECURITY.md and docs/. Tests that run the
// commands of these pages are in test/.
package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// page is one of the pages.
type page struct{ file, text string }

// pages returns all pages.
func pages(t *testing.T) (all []page) {
	t.Helper()
	files, _ := filepath.Glob("docs/*.md")
	for _, f := range append([]string{"README.md", "TUTORIAL.md", "SECURITY.md"}, files...) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{f, string(text)})
	}
	if len(all) < 12 {
		t.Fatalf("only %d pages", len(all))
	}
	return all
}

var (
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```$|^    .*?$") // indented lines too
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	mdLink    = regexp.MustCompile(`!?\[([^\]]*)\]\(([^()\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ +(.*?)\n`)
)

// links returns where the links of a page lead to.
func (p page) links() (all []string) {
	text := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(p.text, ""), "")
	for _, m := range mdLink.FindAllStringSubmatch(text, -1) {
		all = append(all, m[2])
	}
	return all
}

// anchors returns the names by which a link can lead to a heading of the page. They are those
// of GitHub and cmark: the heading in small letters, without punctuation, with a hyphen for
// each blank.
func (p page) anchors() map[string]bool {
	names := map[string]bool{}
	for _, m := range mdHeading.FindAllStringSubmatch(codeBlock.ReplaceAllString(p.text, "")+"\n", -1) {
		title := mdLink.ReplaceAllString(m[1], "$1")
		title = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(title), "")
		names[strings.ReplaceAll(title, " ", "-")] = true
	}
	return names
}

// TestDocsLinks checks that each link within the project leads to a file that exists, and to a
// heading of it. make install does not install the source: its pages lead to one another, and
// to the source's files only where the source is there.
func TestDocsLinks(t *testing.T) {
	all := pages(t)
	anchors, count := map[string]map[string]bool{}, 0
	for _, p := range all {
		anchors[p.file] = p.anchors()
	}
	for _, p := range all {
		for _, link := range p.links() {
			if strings.Contains(link, "://") {
				continue
			}
			count++
			file, anchor, has := strings.Cut(link, "#")
			if file = path.Join(path.Dir(p.file), file); strings.HasPrefix(link, "#") {
				file = p.file
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: a link to %s: %v", p.file, link, err)
			}
			if has && !anchors[file][anchor] {
				t.Errorf("%s: a link to %s, and %s has no such heading", p.file, link, file)
			}
			if _, here := installed["share/doc/tincan/"+file]; !here && !strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, ".s") {
				t.Errorf("%s: a link to %s, which make install does not install", p.file, link)
			}
		}
		if _, here := installed["share/doc/tincan/"+p.file]; !here {
			t.Errorf("make install does not install %s", p.file)
		}
	}
	if count < 100 {
		t.Errorf("only %d links: are the pages read?", count)
	}
	p := page{"x.md", "# A `b` of [c](d)!\n```\n# no\n```\n    # no\n[e](f#g) `[no](no)` ![h](i)\n    [no](no)\n"}
	if got := strings.Join(p.links(), " "); got != "d f#g i" {
		t.Errorf("links %q", got)
	}
	if got := p.anchors(); len(got) != 1 || !got["a-b-of-c"] {
		t.Errorf("anchors %v", got)
	}
}

// TestDocsReadme checks that the first page is short, that it names the tutorial, its original
// and the talk on the first screen, and that it leads to every other page.
func TestDocsReadme(t *testing.T) {
	all := pages(t)
	readme := all[0]
	lines := strings.Split(readme.text, "\n")
	if len(lines) > 151 {
		t.Errorf("README.md has %d lines, more than 150", len(lines)-1)
	}
	first := strings.Join(lines[:24], "\n")
	head, _, _ := strings.Cut(all[1].text, "\n\nThis page")
	links := regexp.MustCompile(`\]\((https://[^)]*)\)`).FindAllStringSubmatch(head, -1)
	named := 0
	for _, m := range links {
		if strings.Contains(m[1], "github.com") { // the tutorial's code
			continue
		}
		named++
		if !strings.Contains(first, "("+m[1]+")") {
			t.Errorf("README.md does not have %s on its first screen, and TUTORIAL.md does", m[1])
		}
	}
	if named != 3 {
		t.Errorf("%d links at the head of TUTORIAL.md, want 3", named)
	}
	leads := map[string]bool{}
	for _, link := range readme.links() {
		file, _, _ := strings.Cut(link, "#")
		leads[file] = true
	}
	for _, p := range all[1:] {
		if !leads[p.file] {
			t.Errorf("README.md has no link to %s", p.file)
		}
	}
}

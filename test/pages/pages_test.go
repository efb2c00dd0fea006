package pages

import (
	"reflect"
	"strings"
	"testing"
)

func TestDiffers(t *testing.T) {
	const got = "a  1 /x/y\nb 22\nc\nd: anything\n"
	for _, want := range []string{got, "a <N> <PATH>\nb <N>\nc\nd: ...\n", "...\nd: anything\n", "a 1 ...\n...\n", "a 1 /x/y\n...\nb 22\n...\n"} {
		if at := differs(strings.Split(strings.TrimSuffix(want, "\n"), "\n"), got); at != "" {
			t.Errorf("%q differs at %q", want, at)
		}
	}
	for want, where := range map[string]string{
		"a 1 /x/y\nb 22\nc":                 "(the end)",
		"a 1 /x/y\nb 22\nc\nd: anything\ne": "e",
		"a <N> /x/y\nb 2\n...":              "b 2",
		"a <N> <N>\n...":                    "a <N> <N>",
		"...\nc\nb 22\n...":                 "b 22",
		"a 1 /x/y\nb ...2\n...":             "b ...2",
		"<WORD>\n...":                       "<WORD>",
		"... 1 /x/y\n...":                   "... 1 /x/y",
		"":                                  "",
	} {
		if at := differs(strings.Split(want, "\n"), got); at != where || pattern(strings.Split(want, "\n")).MatchString(got) {
			t.Errorf("%q: differs at %q, want %q", want, at, where)
		}
	}
}

func TestRead(t *testing.T) {
	got, err := Read("# Title\n```ini\n$ no command\n## no heading\n```\n## One\n```console perl user\n$ a <<E\n> b\n> E\nout\n> put\n$ c\n```\ntext\n\n## Two\n```console terminal\n$ d\n\n```\n")
	want := []Command{
		{Line: 8, Section: "One", Text: "a <<E\nb\nE", Output: []string{"out", "> put"}, Needs: []string{"perl"}, User: true},
		{Line: 13, Section: "One", Text: "c", Needs: []string{"perl"}, User: true},
		{Line: 19, Section: "Two", Text: "d", Output: []string{""}, Terminal: true},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	for _, text := range []string{"```console\nout\n$ a\n```\n", "```console\n$ a\n"} {
		if got, err := Read(text); err == nil {
			t.Errorf("%q: %+v, and no error", text, got)
		}
	}
}

// Ids of users: how /etc/subuid is read, and which maps it allows. Any user can run these tests.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// etcWith replaces the host's /etc by a directory with these files, and PATH by one with these
// programs.
func etcWith(t *testing.T, files map[string]string, programs ...string) {
	t.Helper()
	dir := t.TempDir()
	was := hostEtc
	t.Cleanup(func() { hostEtc = was })
	hostEtc = dir
	t.Setenv("PATH", dir)
	for _, p := range programs {
		files[p] = "#!/bin/sh\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// passwd is the file of a host with two users.
const passwd = "root:x:0:0:root:/root:/bin/sh\njoe:x:1000:100:Joe:/home/joe:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n"

// TestMapsOfUsers checks which maps the user joe gets, or which error.
func TestMapsOfUsers(t *testing.T) {
	helpers := []string{"newuidmap", "newgidmap"}
	for _, c := range []struct {
		name           string
		subuid, subgid string
		programs       []string
		flags          runFlags
		uids, gids     string // the container's maps, with the host's ids
		outer          string // the map of the outer user namespace
		single         bool
		wrong          string
	}{
		{name: "nothing granted", uids: "0 1000 1\n", gids: "0 100 1\n", outer: "0 1000 1\n", single: true},
		{name: "another id inside", flags: runFlags{UID: 7, GID: new(9)}, uids: "7 1000 1\n", gids: "9 100 1\n", outer: "7 1000 1\n", single: true},
		{name: "by name", subuid: "ann:1:2\njoe:100000:65536\n", subgid: "joe:200000:10\n", programs: helpers,
			uids: "0 1000 1\n1 100000 65536\n", gids: "0 100 1\n1 200000 10\n", outer: "0 1000 1\n1 100000 65536\n"},
		{name: "by number, two of them", subuid: "1000:5000:10\n1000:7000:5\n", subgid: "1000:5000:10\n", programs: helpers,
			uids: "0 1000 1\n1 5000 10\n11 7000 5\n", gids: "0 100 1\n1 5000 10\n", outer: "0 1000 1\n1 5000 10\n11 7000 5\n"},
		{name: "no subgid", subuid: "joe:100000:65536\n", programs: helpers, uids: "0 1000 1\n", gids: "0 100 1\n", outer: "0 1000 1\n", single: true},
		{name: "no programs", subuid: "joe:100000:65536\n", subgid: "joe:100000:65536\n", uids: "0 1000 1\n", gids: "0 100 1\n", outer: "0 1000 1\n", single: true},
		{name: "one program", subuid: "joe:100000:65536\n", subgid: "joe:100000:65536\n", programs: helpers[:1], uids: "0 1000 1\n", gids: "0 100 1\n", outer: "0 1000 1\n", single: true},
		{name: "comments and other people's mistakes", subuid: "# joe:x\n\nann:nonsense\njoe:100000:10\n", subgid: "joe:100000:10\n", programs: helpers,
			uids: "0 1000 1\n1 100000 10\n", gids: "0 100 1\n1 100000 10\n", outer: "0 1000 1\n1 100000 10\n"},
		{name: "chosen, without the own id", subuid: "joe:100000:65536\n", subgid: "joe:100000:65536\n", programs: helpers, flags: runFlags{Map: []string{"0:100000:1000"}},
			uids: "0 100000 1000\n", gids: "0 100000 1000\n", outer: "0 100000 1000\n1000 1000 1\n"},
		{name: "chosen across two lines", subuid: "joe:100000:10\njoe:100010:10\n", subgid: "joe:100000:20\n", programs: helpers, flags: runFlags{Map: []string{"5:1000:1", "10:100005:10"}, UID: 10},
			uids: "5 1000 1\n10 100005 10\n", gids: "5 100 1\n10 100005 10\n", outer: "5 1000 1\n10 100005 10\n"},
		{name: "the own id of all", subuid: "joe:100000:10\n", subgid: "joe:100000:10\n", programs: helpers, flags: runFlags{Map: []string{"0:1000:1"}},
			uids: "0 1000 1\n", gids: "0 100 1\n", outer: "0 1000 1\n", single: true},
		{name: "the own id, and a broken file", subuid: "joe:100000\n", flags: runFlags{Map: []string{"0:1000:1"}},
			uids: "0 1000 1\n", gids: "0 100 1\n", outer: "0 1000 1\n", single: true},

		{name: "cut short", subuid: "ann:1:2\njoe:100000\n", wrong: `/subuid, line 2: "joe:100000" is not USER:FIRST:COUNT`},
		{name: "no number", subuid: "joe:100000:65536\n", subgid: "joe:abc:5\n", wrong: `/subgid, line 1: "joe:abc:5" is not`},
		{name: "negative", subuid: "joe:-5:5\n", wrong: `"joe:-5:5" is not`},
		{name: "too large", subuid: "joe:4294967290:10\n", wrong: `"joe:4294967290:10" is not`},
		{name: "outside", subuid: "joe:100000:10\n", subgid: "joe:100000:10\n", programs: helpers, flags: runFlags{Map: []string{"0:100005:6"}}, wrong: "/subuid does not grant these ids to user 1000, who is not root and may use only 1000 (their own id) and 100000 to 100009"},
		{name: "outside for groups", subuid: "joe:100000:10\n", subgid: "joe:100000:5\n", programs: helpers, flags: runFlags{Map: []string{"0:100000:10"}}, wrong: "/subgid does not grant"},
		{name: "of root", flags: runFlags{Map: []string{"0:0:1"}}, wrong: "/subuid does not grant these ids to user 1000, who is not root"},
		{name: "granted, but no programs", subuid: "joe:100000:10\n", subgid: "joe:100000:10\n", flags: runFlags{Map: []string{"0:100000:10"}}, wrong: "--map: newuidmap is not installed"},
		{name: "the last id taken", subuid: "joe:100000:10\n", subgid: "joe:100000:10\n", programs: helpers, flags: runFlags{Map: []string{"4294967294:100000:1", "0:100001:2"}},
			uids: "4294967294 100000 1\n0 100001 2\n", gids: "4294967294 100000 1\n0 100001 2\n", outer: "4294967294 100000 1\n0 100001 2\n2 1000 1\n"},
		{name: "a file of DOS", subuid: "joe:100000:65536\r\n", wrong: `/subuid, line 1: "joe:100000:65536\r" is not`},
		{name: "a blank at the end", subuid: "joe:100000:65536 \n", wrong: `/subuid, line 1: "joe:100000:65536 " is not`},
		{name: "twice", subuid: "joe:100000:10\njoe:100000:10\n", subgid: "joe:100000:10\n", programs: helpers, wrong: "/subuid with the own id: the ids 100000 to 100009 and the ids 100000 to 100009 overlap, but a map can contain each id only once; to run without these ids: --map=0:1000:1"},
		{name: "twice in part, for groups", subuid: "joe:100000:10\n", subgid: "joe:100000:10\n1000:100009:10\n", programs: helpers, wrong: "/subgid with the own id: the ids 100000 to 100009 and the ids 100009 to 100018 overlap"},
		{name: "the own id granted", subuid: "joe:500:1000\n", subgid: "joe:100000:10\n", programs: helpers, wrong: "/subuid with the own id: the ids 1000 and the ids 500 to 1499 overlap"},
		{name: "too many lines", subuid: manyLines(340), subgid: "joe:100000:10\n", programs: helpers, wrong: "/subuid with the own id: 341 lines, but a map of ids can have at most 340"},
		{name: "too many bytes", subuid: manyLines(339), subgid: "joe:100000:10\n", programs: helpers, wrong: "/subuid with the own id: 340 lines with "},
		{name: "beyond the ranges", subuid: "joe:100000:10\n", subgid: "joe:100000:10\n", programs: helpers, flags: runFlags{UID: 11}, wrong: "--uid=11: the container has only the ids 0, 1 to 10: choose one of these, or map other ids with --map"},
	} {
		t.Run(c.name, func(t *testing.T) {
			etcWith(t, map[string]string{"passwd": passwd, "subuid": c.subuid, "subgid": c.subgid}, c.programs...)
			was := asCaller
			defer func() { asCaller = was }()
			asCaller = &caller{uid: 1000, gid: 100}
			conf := &config{}
			err := conf.setIDs(&c.flags)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("%v, want %q", err, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := mapLines(conf.maps); got != c.uids {
				t.Errorf("users %q, want %q", got, c.uids)
			}
			if got := mapLines(conf.gidMaps); got != c.gids {
				t.Errorf("groups %q, want %q", got, c.gids)
			}
			if got := mapLines(conf.rootless.outerUID); got != c.outer {
				t.Errorf("outer users %q, want %q", got, c.outer)
			}
			if conf.rootless.single != c.single {
				t.Errorf("single: %v", conf.rootless.single)
			}
		})
	}
}

// manyLines returns lines that grant n ids to joe, each second one from a million on.
func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "joe:%d:1\n", 1000000+2*i)
	}
	return b.String()
}

// TestMapsInsideOthers checks that in another user namespace only the ids are used that exist
// there.
func TestMapsInsideOthers(t *testing.T) {
	full := []idMap{{0, 100000, 200000}}
	const granted = "joe:100000:10\n"
	for _, c := range []struct {
		name   string
		around *userNS
		grant  string
		flags  runFlags
		uids   string // "" for an error
		says   string
	}{
		{"all ids", &userNS{full, full}, granted, runFlags{}, "0 1000 1\n1 100000 10\n", ""},
		{"one id", &userNS{[]idMap{{1000, 1000, 1}}, []idMap{{100, 100, 1}}}, granted, runFlags{}, "0 1000 1\n", "user namespace around tincan"},
		{"one id, nothing granted", &userNS{[]idMap{{1000, 1000, 1}}, []idMap{{100, 100, 1}}}, "", runFlags{}, "0 1000 1\n", "user namespace around tincan"},
		{"not the groups", &userNS{full, []idMap{{100, 100, 1}}}, granted, runFlags{}, "0 1000 1\n", "user namespace around tincan"},
		{"not the last", &userNS{[]idMap{{0, 100000, 100009}}, full}, granted, runFlags{}, "0 1000 1\n", "user namespace around tincan"},
		{"asked for", &userNS{[]idMap{{1000, 1000, 1}}, []idMap{{100, 100, 1}}}, granted, runFlags{Map: []string{"0:100000:1"}}, "", "--map: the user namespace around tincan does not contain these ids (tincan runs in another container, or under unshare(1) or bwrap(1)): start tincan outside of it"},
		{"nobody", &userNS{[]idMap{{0, 0, 1}}, []idMap{{100, 100, 1}}}, granted, runFlags{}, "", "user 1000 is not mapped in the user namespace around tincan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			etcWith(t, map[string]string{"passwd": passwd, "subuid": c.grant, "subgid": c.grant}, "newuidmap", "newgidmap")
			was := asCaller
			defer func() { asCaller = was }()
			asCaller = &caller{uid: 1000, gid: 100, around: c.around}
			conf := &config{}
			err := conf.setIDs(&c.flags)
			if c.uids == "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
				return
			}
			if err != nil || mapLines(conf.maps) != c.uids {
				t.Fatalf("%v, %q, want %q", err, mapLines(conf.maps), c.uids)
			}
			lacks := ""
			if conf.rootless.lacks != nil {
				lacks = conf.rootless.lacks.String()
			}
			if (c.says == "") != (lacks == "") || !strings.Contains(lacks, c.says) {
				t.Errorf("lacks %q, want %q", lacks, c.says)
			}
		})
	}
}

// TestRootsMaps checks root's default map.
func TestRootsMaps(t *testing.T) {
	was := asCaller
	defer func() { asCaller = was }()
	asCaller = &caller{root: true}
	c := &config{}
	if err := c.setIDs(&runFlags{UID: 5}); err != nil || !slices.Equal(c.maps, []idMap{{0, 10000, 2000}, {65534, 12000, 1}}) || c.hostUID != 10005 || c.rootless.on {
		t.Errorf("%v %+v", err, c)
	}
}

// TestCovers checks whether ranges contain all ids of another range.
func TestCovers(t *testing.T) {
	have := []idMap{{outside: 10, count: 5}, {outside: 15, count: 5}, {outside: 30, count: 1}}
	for _, c := range []struct {
		first, count uint32
		want         bool
	}{{10, 1, true}, {10, 10, true}, {14, 2, true}, {19, 1, true}, {20, 1, false}, {9, 2, false}, {10, 11, false}, {30, 1, true}, {30, 2, false}, {4294967295, 2, false}} {
		if got := covers(have, c.first, c.count); got != c.want {
			t.Errorf("covers(%d, %d) = %v", c.first, c.count, got)
		}
	}
}

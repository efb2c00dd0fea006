// Chapters 1 to 6: from the command line to a container that can be planned.
//
// Everything the user said is checked here, before anything is made. An error says which
// flag, which value, and what would be right. Each chapter reads its own flags: setIDs is
// in idmaps.go, setRoot in rootdir.go, and so on. What they find out is never changed
// afterwards; where everything stands in the file system is found out next (layout, in
// rootdir.go).
//
// Differs from the tutorial: `-a /etc` and a blank command are errors and not panics; -c
// understands quotes; paths may hold colons; the kernel's version is compared number by
// number (there, 4.10 was older than 4.8).

package main

import "golang.org/x/sys/unix"

// config is a container to be: what the user asked for, made definite.
type config struct {
	// What it sees.
	root      root
	readOnly  bool
	ephemeral bool
	adds      []addedPath
	idmaps    []idmapping
	inputs    []inputFile
	pipes     []stdPipe    // of the descriptors 0, 1 and 2: those that the command may open again
	console   string       // the terminal's path, if there is one
	private   []privateDir // empty directories of its own, once the layout is known

	// What runs.
	argv     []string
	env      []string
	workdir  string
	hostname string
	net      string // "none" or "host"
	ports    bool   // the network's settings can be written
	init     bool
	passFDs  []int   // in order
	mask     *uint64 // the caller's signal mask, filled in at the clone

	// What it may do.
	uid, gid         int // inside
	hostUID, hostGID int
	maps, gidMaps    []idMap
	ids              idRange // --map=auto: what is to be this container's alone
	rootless         rootless
	keep             capSet
	lastCap          int
	apparmor         appArmor
	program          []unix.SockFilter // the filter, or nil
	policy           *policy           // what it was compiled from; nil if that was beforehand
	guarded          bool              // with the terminal's filter before it (seccompterminal.go)
	recording        *recording        // tincan record's own filter, or nil
	warnings         []string          // about the profile
	remarks          []string          // said before the command runs

	// How much it may use.
	group   group
	rlimits []rlimit
}

// newConfig turns flags into a config. It makes nothing, and is the same for `run` and
// `plan`.
func newConfig(f *runFlags) (*config, error) {
	c := keep(config{mask: keep(uint64(0)), init: f.Init, readOnly: f.Ro, console: consolePath()})
	c.setNet(f)
	err := c.setCommand(f)
	if err == nil {
		err = c.setHostname(f)
	}
	if err == nil {
		err = c.setRoot(f)
	}
	if err == nil {
		err = c.setIDs(f)
	}
	if err == nil {
		err = c.setInputs()
	}
	if err == nil && f.Ephemeral {
		err = c.setEphemeral(f)
	} else if err == nil {
		err = c.mayEnter(f)
	}
	if err == nil {
		err = c.setAdds(f)
	}
	if err == nil {
		err = c.setEnv(f)
	}
	if err == nil {
		err = c.setCaps(f)
	}
	if err == nil {
		err = c.setLimits(f)
	}
	if err == nil {
		err = c.setRlimits(f)
	}
	if err == nil {
		err = c.setAppArmor(f)
	}
	if err == nil {
		err = c.setWorkdir(f)
	}
	if err == nil {
		err = c.setPassFDs(f)
	}
	if err == nil {
		err = c.setSeccomp(f)
	}
	if err == nil {
		err = c.checkSetID(f)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// close closes what the config has opened, for a run that comes to nothing.
func (c *config) close() {
	if c.root.fd != 0 {
		sysClose(c.root.fd)
		c.root.fd = 0
	}
}

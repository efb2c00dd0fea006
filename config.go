// Chapters 1 to 6: from the command line to a container that can be planned.
//
// Everything that the user wrote is checked here, before anything is made. An error says which
// flag is wrong, its value, and what would be right. Each chapter reads its own flags: setIDs is
// in idmaps.go, setRoot is in rootdir.go, and so on. Their results are never changed afterwards.
// The next decision is where everything is in the file system (layout, in rootdir.go).
//
// Differs from the tutorial: `-a /etc` and a blank command are errors, not panics; -c
// understands quotes; paths may contain colons; the kernel's version is compared number by
// number (for the tutorial, 4.10 was older than 4.8).

package main

import "golang.org/x/sys/unix"

// config describes a container: what the user asked for, checked and completed.
type config struct {
	// What it sees.
	root      root
	readOnly  bool
	ephemeral bool
	adds      []addedPath
	idmaps    []idmapping
	inputs    []inputFile
	pipes     []stdPipe    // those of the descriptors 0, 1 and 2 that the command may open again
	console   string       // the terminal's path, if there is one
	private   []privateDir // empty directories of its own, known when the layout is known

	// What runs.
	argv     []string
	env      []string
	workdir  string
	hostname string
	net      string // "none" or "host"
	ports    bool   // the settings of the network can be written
	init     bool
	passFDs  []int   // in ascending order
	mask     *uint64 // the caller's signal mask, filled in at the clone

	// What it may do.
	uid, gid         int      // inside
	groups           []uint32 // inside: the supplementary groups of -u NAME
	home             string   // the home directory of -u NAME, of the container's /etc/passwd
	hostUID, hostGID int
	maps, gidMaps    []idMap
	ids              idRange // for --map=auto: the range that only this container may use
	rootless         rootless
	keep             capSet
	lastCap          int
	apparmor         appArmor
	program          []unix.SockFilter // the filter, or nil
	policy           *policy           // the policy that program was compiled from; nil if it was compiled beforehand
	guarded          bool              // the terminal's filter comes before it (seccompterminal.go)
	recording        *recording        // tincan record's own filter, or nil
	warnings         []string          // about the profile
	remarks          []string          // printed before the command runs

	// How much it may use.
	group   group
	rlimits []rlimit
}

// newConfig makes a config of the flags. It changes nothing on the host, and `run` and `plan`
// both use it.
func newConfig(f *runFlags) (*config, error) {
	c := keep(config{mask: keep(uint64(0)), init: f.Init, readOnly: f.Ro, console: terminalName(0)})
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

// close closes what the config has opened, if the run does not take place.
func (c *config) close() {
	if c.root.fd != 0 {
		sysClose(c.root.fd)
		c.root.fd = 0
	}
}

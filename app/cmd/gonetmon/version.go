package main

import "runtime/debug"

// release is set by the linker: -ldflags "-X main.release=v1.2.3".
var release string

// commit is set by the linker, too: in the image Go does not see the repository.
var commit string

// version returns the release, or that of the module, and the revision of the source that the binary was built from.
func version() (name, revision string) {
	name, revision = release, "unknown"
	if len(commit) >= 12 {
		revision = commit[:12]
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name, revision
	}
	if name == "" {
		name = info.Main.Version
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-modified"
		}
	}
	if name == "" || name == "(devel)" {
		name = "devel"
	}
	return name, revision + modified
}

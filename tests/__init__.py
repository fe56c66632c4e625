"""The tests: a package, since a peer installs one of the same name."""

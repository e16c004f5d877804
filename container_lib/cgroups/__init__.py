"""Control groups, version 2: one file per controller; each function takes the group's directory."""

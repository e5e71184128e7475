"""The commands of `storeloom`, one file a group. Each has functions that take the parsed arguments and return an exit code."""

"""Roll-outs: the way of a release over the stores, in waves, each held against gates before the next one opens."""

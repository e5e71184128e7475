"""A vendor's package for the tests of faults: one solution that counts, in two versions (`tally` and `tally.next`)."""

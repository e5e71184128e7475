"""Parts of the pages of a chain: which stores, what a release changes, the way of a roll-out, how it goes."""

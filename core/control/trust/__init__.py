"""The chain's repository of signed targets (TUF): its keys, what is published in it, the ceremonies of its offline keys."""

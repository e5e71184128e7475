"""Points of sale: files of receipts."""

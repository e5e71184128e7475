"""Printers of receipts, labels and kitchen orders."""

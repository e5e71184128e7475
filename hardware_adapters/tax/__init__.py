"""Electronic invoices."""

"""What stores tell: events, alerts, devices, figures; their sums, how long they are kept; the chain's files."""

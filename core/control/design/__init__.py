"""What stores are to run: templates and overlays, merges, releases, plans and quotes, as functions over a session and plain values."""

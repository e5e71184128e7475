"""Solutions of the pillar: people."""

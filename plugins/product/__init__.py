"""Solutions of the pillar: product."""

"""Solutions of the pillar: personnel."""

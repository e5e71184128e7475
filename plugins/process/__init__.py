"""Solutions of the pillar: process."""

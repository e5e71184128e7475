"""Solutions of the pillar: premise."""

"""Arithmetic on what a store has recorded: working time, scores, comparisons."""

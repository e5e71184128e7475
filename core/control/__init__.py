"""The control plane: what many stores report to, and what they are steered from."""

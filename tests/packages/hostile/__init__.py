"""A vendor's package whose plugins misbehave, each in one way; `innocent` does not."""

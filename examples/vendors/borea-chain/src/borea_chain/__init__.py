"""The package borea-chain: plugins for storeloom."""

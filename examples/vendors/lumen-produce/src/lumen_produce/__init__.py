"""The package lumen-produce: plugins for storeloom."""

"""The parts of the page on which a bundle is composed, one a module."""

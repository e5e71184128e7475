"""Code scanners: on a serial line, as a keyboard, and cameras that read codes."""

"""Frames from files, network cameras and USB cameras: one process a source, because OpenCV's `read()` may hang for ever.

`source` is what callers use; it loads neither OpenCV nor a process before a source is opened. `child` is the process, `memory` the pixels'
way from it, `address` how a source is written.
"""

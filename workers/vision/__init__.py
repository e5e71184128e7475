"""Vision engine: detection, tracking and the rules over tracks; it knows no plugin and no kernel.

Importing this package loads neither OpenCV nor onnxruntime: `detect`, `files`, `colour` and `privacy` load them when they are used.
"""

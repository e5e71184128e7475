"""Item recognition: classes of goods enrolled from a few pictures, recognised with their probabilities or as unknown, corrected by hand.

A network that is never trained again turns a picture into a vector (`embedding`); classes are compared in a space in which pictures of
one class lie close together (`whitening`); what lies too far from all of them is unknown (`calibration`). `catalogue` holds the classes
of a shop, `training` makes a catalogue from a folder of pictures. Importing this package loads neither OpenCV nor onnxruntime.
"""

"""Reading what is written in a picture: text, codes, number plates, price labels; or what a scene says is written there.

`results`, `scenes` and `label_rules` are light; `text`, `codes`, `plates` and `labels` load OpenCV, onnxruntime or zxing-cpp
when they are imported.
"""

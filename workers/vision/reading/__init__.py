"""Reading what is written in a picture: text, codes, number plates, price labels; or what a scene says is written there.

`results` and `scenes` are light; `text`, `codes`, `plates` and `labels` load OpenCV, onnxruntime or the code reader when they are imported.
"""

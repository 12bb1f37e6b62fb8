"""How core operators are written in ONNX."""

"""How each ONNX operator is said in core operators, a file an idea."""

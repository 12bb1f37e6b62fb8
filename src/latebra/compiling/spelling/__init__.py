"""ONNX's operators, spelt in the few functions on arrays that vendors have."""

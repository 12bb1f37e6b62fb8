"""ONNX as a function of JAX, for XLA."""

"""ONNX as a module of torch, for TorchInductor."""

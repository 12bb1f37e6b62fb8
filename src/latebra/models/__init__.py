"""The networks that ship with the package, as ONNX files with their cards."""

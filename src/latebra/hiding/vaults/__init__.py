"""Where content lies in a model's weights: files, tensors, low bits, positions."""

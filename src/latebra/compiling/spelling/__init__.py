"""The core graph, spelt in the few functions on arrays that vendors have."""

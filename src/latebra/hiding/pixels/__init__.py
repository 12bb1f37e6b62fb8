"""Bits in a picture: greys drawn from a model's tables, and read back with the same tables."""

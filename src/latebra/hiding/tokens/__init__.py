"""Bits in a text: tokens drawn from a model's tables, and read back with the same tables."""

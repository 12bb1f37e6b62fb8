"""Bits in what a fixed convolution says of a picture, written with changes that are seen least."""

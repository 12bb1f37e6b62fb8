"""A compiler of our own in Glow's design, whose bits are the same on every processor."""

"""Carriers: one file per method; the file name is the id."""

"""Compilers: one file per compiler; the file name is the id."""

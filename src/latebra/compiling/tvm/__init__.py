"""Loops for TVM: what the vendor leaves naive, scheduled by hand."""

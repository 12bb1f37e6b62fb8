"""Exact arithmetic: networks that compute the same bits with every compiler, in any order."""

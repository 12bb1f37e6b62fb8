"""Small functions from a graph to a better one that computes the same."""

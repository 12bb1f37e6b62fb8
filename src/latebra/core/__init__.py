"""The vocabulary that every other part speaks: errors, registry, keys, networks, progress."""

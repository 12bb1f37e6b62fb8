"""The core graph: one small form of every model, from which compilers emit what they like."""

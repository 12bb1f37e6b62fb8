"""JAX's traced functions, said in core operators."""

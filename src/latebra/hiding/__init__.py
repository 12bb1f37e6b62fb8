"""Hide bits in what networks make, and read them back."""

"""Hide information in the latent space of neural networks; read it back on any hardware."""

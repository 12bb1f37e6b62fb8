"""What each core operator means: its shape rule and its definition, a file an idea."""

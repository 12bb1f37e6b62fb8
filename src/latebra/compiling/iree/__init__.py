"""What IREE is told in other words."""

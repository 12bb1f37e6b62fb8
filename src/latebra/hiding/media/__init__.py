"""What covers are made of: how each kind gets in and out of files, and what it meets on its way."""

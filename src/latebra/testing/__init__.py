"""Contract suites that every plug-in meets, ours and others."""

"""From bits to soft symbols and back: no network, no key, no file."""

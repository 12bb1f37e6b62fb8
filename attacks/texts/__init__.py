"""Steganalysers of texts, each with the bad scheme that it must catch first."""

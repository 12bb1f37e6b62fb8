"""Lets ``python -m latebra.cli`` be the command line."""

from latebra.cli.program import main

main()

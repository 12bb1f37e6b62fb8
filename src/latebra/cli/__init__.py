"""The command line: parse, call, print.

Exit status: 0 done, 1 a known error, 2 usage, 3 something is absent here, 4 verification failed,
130 interrupted.
"""

from latebra.cli.program import main

__all__ = ["main"]

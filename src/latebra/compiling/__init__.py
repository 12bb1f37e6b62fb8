"""Turn one model into something that runs, with any of several compilers."""

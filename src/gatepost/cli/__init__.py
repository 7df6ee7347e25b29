"""The command line: parse arguments, compose one process, print, set the exit code.

The only place that reads the clock and the environment, and where the names of adapters meet.
"""

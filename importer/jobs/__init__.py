"""The commands as a Python API: each a story on one screen; only here are concrete stores and clients named."""

"""Puts contacts from spreadsheets into a cloud account's resource directory, each exactly once."""

from importer.version import __version__

__all__ = ["__version__"]

"""Settings: flags over environment over profile over file over defaults, checked once and then frozen."""

from importer.settings.model import Settings
from importer.settings.sources import everyone, filed, load, nightly, others

__all__ = ["Settings", "everyone", "filed", "load", "nightly", "others"]

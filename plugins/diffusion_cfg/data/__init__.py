"""Captioned images read from files: no torch."""

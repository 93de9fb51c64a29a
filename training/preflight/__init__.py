"""Findings about data and machine, shown before a run starts.

Knows no data format, no model, no run; no torch at import.
"""

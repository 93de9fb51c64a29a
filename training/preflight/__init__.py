"""Findings about data and machine, shown before a run starts. Knows no data format, no model and no run; imports no torch at its top."""

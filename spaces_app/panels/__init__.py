"""Panels: the parts that every plugin's tab has. They render components; their handlers call one service."""

"""A run is a folder: its files, its lock, the queue and the processes around it.

Knows no model and computes nothing.
"""

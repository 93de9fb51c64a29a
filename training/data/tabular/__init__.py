"""Typed columns of a table as numbers and category ids, and back. Knows no model and no run; imports no torch."""

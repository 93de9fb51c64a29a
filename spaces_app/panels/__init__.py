"""Panels: the parts of the page that every plugin's tab has. They render components, and their handlers call a service."""

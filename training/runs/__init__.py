"""A run is a folder; the queue and the processes around it. Knows no model and computes nothing."""

"""Verdicts of a person on rows, ten at a time: which rows are asked, and what score, threshold and precision follow."""

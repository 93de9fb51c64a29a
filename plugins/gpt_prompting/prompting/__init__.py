"""Prompts: templates, demonstrations, context window, label scoring, calibration, evaluation; knows models by their
interface only."""

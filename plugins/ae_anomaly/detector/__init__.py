"""A fitted detector at work: row errors, calibration, thresholds, counterfactuals, feedback."""

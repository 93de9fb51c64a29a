"""Pictures with captions as training data."""

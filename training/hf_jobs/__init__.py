"""Runs on machines rented from Hugging Face (HF Jobs)."""

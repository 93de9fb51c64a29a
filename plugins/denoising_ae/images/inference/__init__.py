"""Apply a trained network to images as arrays: tiles, colour planes, symmetries."""

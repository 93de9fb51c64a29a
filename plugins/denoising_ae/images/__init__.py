"""Trainer `images`: networks that take the noise out of pictures."""

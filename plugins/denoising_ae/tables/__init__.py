"""Trainer `tables`: a network that fills the holes of a table and mends cells that do not fit the others."""

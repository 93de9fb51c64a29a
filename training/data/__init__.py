"""From the bytes of a user to typed rows: tables, texts, data sets of the Hub. Knows no model and no run."""

"""Read a user's files into typed rows: tables, texts, data sets of the Hub. Knows no model and no run."""

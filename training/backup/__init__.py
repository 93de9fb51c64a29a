"""A run's backup on the Hub: uploaded while it trains, checked and restored elsewhere."""

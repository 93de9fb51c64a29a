"""Texts read as a run trains: data sets of the Hub and folders of shards, larger than memory or disk."""

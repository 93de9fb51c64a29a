"""The result of a run: weights, lineage, model card. Knows the Hub's card format, no process and no run folder."""

"""What a finished run leaves: weights, their lineage, the model card. Knows the Hub's card format, no process and no run folder."""

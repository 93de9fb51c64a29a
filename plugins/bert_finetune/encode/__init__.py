"""Kind `encode`: encoders without a head. Sentence vectors, trained on plain text by SimCSE; labelling; Look inside."""

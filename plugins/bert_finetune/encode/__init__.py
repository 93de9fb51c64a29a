"""Kind `encode`: encoders without a task head, for sentence vectors and Look inside; it is not trained."""

"""Active learning of text classes on frozen sentence vectors: which texts to label next, and what the labels give."""

"""Kind `compare`: a plain and a denoising autoencoder of one size, trained and evaluated on the same images."""

"""Kind `compare`: a plain and a denoising autoencoder of one size, trained on the same images and evaluated side by side."""

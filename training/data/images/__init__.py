"""Images as training data: found, checked before a run starts, decoded on access. Knows no model and no run.

`read_images(path)` or `read_image_dataset(name)` gives an `ImageSet`: `images[row]` is a uint8 array (height, width,
channels), `images.column("caption")` a column of texts beside the images.
"""

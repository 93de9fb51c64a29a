"""Pictures as training data: read from a folder, a zip, a Parquet file or the Hub, judged before anything starts, decoded when asked for.

`read_images(path)` or `read_image_dataset(name)` gives an `ImageSet`: `images[row]` is a uint8 array (height, width, channels),
`images.column("caption")` what stands beside it.
"""

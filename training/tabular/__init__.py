"""Tables of numbers, categories and dates as tensors, and the autoencoders over them, for every plugin that needs them."""

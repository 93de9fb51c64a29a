"""Kind `tag`: token classification, such as named entities."""

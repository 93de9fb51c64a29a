"""Kind `answer`: extractive question answering."""

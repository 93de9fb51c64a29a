"""Classification without labelled texts: each text is compared with the names of the labels."""

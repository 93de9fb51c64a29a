"""Kind `tables`: networks that impute missing cells of a table and correct implausible ones."""

"""What examples in the prompt are worth: accuracy against their number, with no parameter changed."""

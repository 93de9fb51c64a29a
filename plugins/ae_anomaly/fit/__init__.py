"""Kind fit: learns what is normal in a table of numbers, categories and dates."""

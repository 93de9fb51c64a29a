"""The page: header, one tab per plugin, and what is filled in when it opens."""

"""The plugins: one package (or one file) each, found by `_discovery`. They never import each other."""

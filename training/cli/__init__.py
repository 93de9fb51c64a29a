"""The command line, and the one place where runs, plugins and the Hub are wired together."""

"""Networks of this plugin and the files that they are saved in."""

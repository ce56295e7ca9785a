"""The play: one actor per file, file name = actor name."""

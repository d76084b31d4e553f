"""Finding papers by their words and by their meaning, and the papers that are like another."""

"""What a failure means: class, cause and hint, from an exception or from words alone."""

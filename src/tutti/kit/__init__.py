"""Pure helpers on the standard library alone."""

"""The use cases; a public method is one of them and one transaction."""

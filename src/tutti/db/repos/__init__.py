"""Repositories: questions to the database and changes of it, within a transaction somebody else opened."""

"""The only SQL: the engine, the repositories, the search, the migrations."""

"""The runner of the job table."""

"""Opens untrusted media in locked child processes; `pool.PooledMediaReader` is the way in.

Nothing is imported here: the child's program stands in this package and loads only what it needs.
"""

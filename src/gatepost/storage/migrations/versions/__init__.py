"""The steps, oldest first: ``revision_0001.py``, ``revision_0002.py``, and so on. Their numbers stand in `tables.REVISIONS`."""

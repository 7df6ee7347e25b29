"""Access: what administrators say about who may reach which application. Nothing here decides anything.

One file for each thing; `documents` is how each is kept, `references` what may name what.
"""

"""The documents that cross the network: bounded, versioned, and turned to and from the values of ``core``.

No file, socket or clock may enter, and no rule: what a document means is said in ``core``.
"""

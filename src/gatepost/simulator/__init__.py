"""A fleet of devices that are none: real keys, certificates and wire, from one process, against a server of one's own.

``agent`` is what one device says, ``connections`` how it gets there, ``fleet`` all of them over time.
"""

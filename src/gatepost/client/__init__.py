"""The device's half of the wire: the device's key and the requests to the server.

Used by ``agent``, ``simulator`` and ``gateway``. Nothing of the server's rooms may enter.
"""

"""A small certificate authority to try Gatepost with, or to live on.

It issues; it judges nothing. What it makes is judged by ``core`` like any other certificate. ``request`` says what can
be asked for, ``authority`` makes and opens an authority and issues, ``revocation`` takes back; ``keys``, ``extensions``
and ``folder`` are what these stand on. No clock, no source of randomness but OpenSSL's for keys, no store, no server
room may enter.
"""

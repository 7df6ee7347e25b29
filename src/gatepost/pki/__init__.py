"""A small certificate authority to try Gatepost with, or to live on.

It issues; it judges nothing. What it makes is judged by ``core`` like any other certificate.
"""

"""The certificate stores of a device: one file for each kind, each with the same two names.

Reading a store never changes it. The readers do not know each other, and nothing of the server may enter.
"""

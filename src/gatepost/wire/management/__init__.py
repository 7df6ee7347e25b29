"""The documents of the management API, one file for each resource, in the shape that clients of Cloudflare's v4 API speak.

What a client sent is kept as it was sent; what it means is read here, strictly, and handed to ``core`` as its values.
No rule of a check may enter, and no HTTP: a wrong document is an `InputError` whose field is a JSON pointer.
"""

"""The use cases of the server, as verbs, and the ports that they need.

No SQL, no HTTP and no clock may enter: they come as ports and arguments, which only ``cli`` puts together.
"""

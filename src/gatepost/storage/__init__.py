"""What the server keeps, behind the ports of ``controlplane``: the only room where SQL is spoken.

No rule may enter: rows become values of ``core``, and what they mean is decided there.
"""

"""The nouns and the rules, pure: no file, clock, socket, environment, randomness or logging; ``now`` is an argument.

Read the files in the order in which the data travels: ``reason``, ``explanation``, ``der``, ``name``, ``pem``,
``extensions``, ``certificate``, ``device``, ``check``, ``finding``, ``possession``, ``signature``, ``criteria``,
``evaluation``, ``report``, ``result``, ``log``. Each may import only those before it.
"""

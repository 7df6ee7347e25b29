"""The server's face over HTTP: the management API, the device API and what comes with them.

No SQL and no store may enter: requests become use cases of ``controlplane``, and their outcomes answers.
"""

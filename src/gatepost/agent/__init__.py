"""The device's side: read the stores, evaluate the checks, sign and send the report.

Nothing of the server's rooms may enter; agent and server meet over HTTP.
"""

"""What administrators do: accounts, tokens, uploads, posture rules and their options, and reading results and the log.

One file for each thing that is administered, its functions the verbs. No HTTP may enter: documents of ``wire`` come in,
records of the ports go out, and a "no" is an error with fields.
"""

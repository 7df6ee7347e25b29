"""Access: what proxies ask for each request. ``deciding`` is the only caller of `gatepost.core.decision.decide`."""

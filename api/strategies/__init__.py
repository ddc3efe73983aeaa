"""Strategies: the catalogue. Their code is the operator's; a customer chooses one and its params."""

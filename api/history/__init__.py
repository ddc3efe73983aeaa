"""History: what an account did and holds. Orders, fills, decisions, balances; all of it read-only."""

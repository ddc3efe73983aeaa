"""Controls: the switches that stop trading, at once, on every level: platform, user, account, symbol."""

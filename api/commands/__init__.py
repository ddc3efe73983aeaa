"""What an owner asks of a running strategy."""

"""Accounts: a customer's accounts at venues, and what they should be doing."""

"""Identity: who a request comes from, and what that person or token may do."""

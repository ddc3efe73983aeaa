"""Security: envelope encryption, passwords, tokens, redaction. Imports nothing of ours."""

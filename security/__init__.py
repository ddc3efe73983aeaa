"""Security: sealed secrets, passwords, tokens, redaction. Imports nothing of ours.

`envelope` seals exchange keys; `passwords`, `tokens` and `otp` prove who somebody is; `redaction` keeps all of it out
of the logs. Nothing that is secret is ever part of a message, a repr or a log line.
"""

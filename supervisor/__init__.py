"""Supervisor, pure: which hosts should run, which do, and what to do about the difference.

No clock, no Ray, no database: `actors.supervisor` brings the facts and carries out the actions. Imports `trading`.
"""

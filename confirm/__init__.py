"""Asks a language model whether it confirms a signal: the outside of `trading.strategies.signal`.

The only room that imports openai, which costs a process 50 MB and over a second to start: a trader host never does.
May import `trading`. Whatever the model or its server does, what comes back is an `Answer`, with an error if it is no
verdict; so the worst that it can do is to keep a trade from happening.
"""

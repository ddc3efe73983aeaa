"""The paper exchange: a server that speaks Binance's spot protocol, with a matching engine of its own.

Pure: no I/O, no clock, deterministic. The backtester may run on the same code.
    `matching`   a book in price-time priority          `triggers`   conditional orders that wait for their price
    `execution`  orders to trades, fees, lists          `filters`    the rules that an order must fit
    `state`      what the `facts` so far add up to      `venue`      the commands that clients and operators have
    `tape`       trades as candles and tickers          `feed_*`     what drives the markets; `crowd` follows it

On the wire:
    `server`     the exchange itself: start, stop       `front`      each request and socket to who answers it
    `dispatch`   faults, limits, access, durability     `rest_*`     the endpoints, one file a desk
    `streams`, `user_streams`, `sockets`, `ws_api`      what is told, and over what
    `journal`    every fact on disk, group commit       `admin`      `/_paper/`: accounts, referee, `faults`

Start with `server.PaperExchange`, then `venue`. Imports `trading` and nothing else of ours.
"""

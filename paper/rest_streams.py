"""Listen keys, for clients that still open user data with one."""

from paper.endpoints import Access, Endpoint, Routes
from paper.payloads import Json
from paper.requests import Request
from paper.user_streams import UserStreams


class ListenKeyDesk:
    def __init__(self, users: UserStreams) -> None:
        self._users = users

    def routes(self) -> Routes:
        path = "/api/v3/userDataStream"
        return {
            ("POST", path): Endpoint(self.open, Access.KEY, weight=2),
            ("PUT", path): Endpoint(self.prolong, Access.KEY, weight=2),
            ("DELETE", path): Endpoint(self.close, Access.KEY, weight=2),
        }

    def open(self, request: Request) -> Json:
        return {"listenKey": self._users.listen_key(request.account, request.now)}

    def prolong(self, request: Request) -> Json:
        self._users.prolong(request.text("listenKey"), request.now)
        return {}

    def close(self, request: Request) -> Json:
        self._users.revoke(request.text("listenKey"), request.now)
        return {}

"""Serves the paper exchange in this process."""

import asyncio
from pathlib import Path

from paper.limits import Limits
from paper.server import serve
from paper.settings import PaperSettings
from tradefleet.logs import set_up_logs
from tradefleet.settings import Settings


def serve_paper(settings: Settings, journal: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM. Accounts, orders and trades are in the journal and survive any end."""
    set_up_logs(settings)
    token = settings.paper_admin_token
    asyncio.run(
        serve(
            PaperSettings(
                host=settings.paper_host,
                port=settings.paper_port,
                journal=journal or settings.data_dir / "paper" / "journal",
                admin_token=token.get_secret_value() if token else None,
                limits=Limits().times(settings.paper_limits_times),
            )
        )
    )

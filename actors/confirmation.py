"""The confirmation: the actor that puts traders' questions to a model, and the only one that knows the model's key."""

import asyncio

from actors.config import FleetConfig
from actors.handles import process
from actors.logs import set_up_logs
from trading.events import Answer, Question


class Confirmation:
    """A shell: `confirm.client` does the work."""

    def __init__(self, config: FleetConfig) -> None:
        set_up_logs(config.log_level)
        # Imported here: whoever looks an actor up loads its class, and need not load the client for that.
        from confirm.client import Confirmer, Endpoint  # noqa: PLC0415

        assert config.model is not None, "nobody starts it without a model"
        self._confirmer = Confirmer(
            Endpoint(
                base_url=config.model.base_url,
                model=config.model.name,
                api_key=config.model.api_key.read(),
                timeout_s=config.model.timeout_s,
            )
        )

    async def watch(self) -> None:
        """Returns never: it is there to be broken off by the actor's death."""
        await asyncio.Event().wait()

    async def pid(self) -> int:
        return process()[0]

    async def answer(self, question: Question) -> Answer:
        return await self._confirmer.answer(question)

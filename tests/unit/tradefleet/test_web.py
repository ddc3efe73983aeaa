"""What the API is told of the settings."""

import pytest

from exchanges.port import VenueAddress
from tradefleet.settings import Settings
from tradefleet.web import api_settings, mode_of


@pytest.mark.parametrize(
    ("venue", "mode"),
    [
        (VenueAddress(name="binance", ccxt_id="binance"), "live"),
        (VenueAddress(name="binance test", ccxt_id="binance", sandbox=True), "testnet"),
        (VenueAddress(name="paper", ccxt_id="binance", rest_url="http://127.0.0.1:9443"), "paper"),
    ],
)
def test_a_venues_mode_says_whose_money_it_is(venue: VenueAddress, mode: str) -> None:
    assert mode_of(venue) == mode


@pytest.mark.parametrize(
    ("host", "secure"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("10.0.0.5", True)]
)
def test_cookies_travel_without_tls_on_loopback_alone(host: str, secure: bool) -> None:
    assert api_settings(Settings(api_host=host)).secure_cookies is secure


@pytest.mark.parametrize(("registration", "is_open"), [("open", True), ("closed", False)])
def test_registration_is_as_the_settings_say(registration: str, is_open: bool) -> None:
    settings = Settings.model_validate({"registration": registration})

    assert api_settings(settings).registration_open is is_open

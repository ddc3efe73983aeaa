"""Choosing a strategy: checked by the strategy, kept in versions, never lost to somebody else's edit."""

from tests.integration.api.site import NAIVE, Browser


async def test_the_catalogue_describes_the_params_by_json_schema(ada: Browser) -> None:
    listed = (await ada.get("/api/v1/strategies")).json()
    assert "naive" in [entry["name"] for entry in listed]
    naive = (await ada.get("/api/v1/strategies/naive")).json()
    assert naive in listed
    assert "dip_pct" in str(naive["params"])
    assert (await ada.get("/api/v1/strategies/none")).status_code == 404


async def test_each_edit_is_a_version_and_history_is_kept(ada: Browser) -> None:
    account = await ada.make_account()
    path = f"/api/v1/accounts/{account}/config"
    assert (await ada.get(path)).status_code == 404
    first = await ada.put(path, json=NAIVE)
    second = await ada.put(path, json={**NAIVE, "params": {**NAIVE["params"], "dip_pct": "0.75"}})
    assert [first.json()["version"], second.json()["version"]] == [1, 2]
    assert (await ada.get(path)).json() == second.json()
    history = (await ada.get(f"/api/v1/accounts/{account}/configs")).json()["items"]
    assert [entry["params"]["dip_pct"] for entry in history] == ["0.75", "0.5"]


async def test_every_wrong_param_is_named(ada: Browser) -> None:
    account = await ada.make_account()
    params = {**NAIVE["params"], "dip_pct": "-1", "rounds": 1000, "colour": "red"}
    answer = await ada.put(f"/api/v1/accounts/{account}/config", json={**NAIVE, "params": params})
    assert answer.status_code == 400
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/params/dip_pct", "/params/rounds", "/params/colour"}


async def test_an_unknown_strategy_is_answered_with_those_there_are(ada: Browser) -> None:
    account = await ada.make_account()
    answer = await ada.put(f"/api/v1/accounts/{account}/config", json={"strategy": "magic", "params": {}})
    assert answer.status_code == 400
    assert "naive" in answer.json()["errors"][0]["detail"]


async def test_an_edit_of_an_old_version_is_refused(ada: Browser) -> None:
    account = await ada.make_account()
    path = f"/api/v1/accounts/{account}/config"
    tag = (await ada.put(path, json=NAIVE)).headers["etag"]
    assert (await ada.put(path, json=NAIVE, headers={"If-Match": tag})).status_code == 200
    lost = await ada.put(path, json=NAIVE, headers={"If-Match": tag})
    assert (lost.status_code, lost.json()["code"]) == (412, "changed")
    nonsense = await ada.put(path, json=NAIVE, headers={"If-Match": "W/abc"})
    assert nonsense.status_code == 400

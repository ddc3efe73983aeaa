"""What the browser gets: pinned, complete, and not needed for the API to run."""

import json
from pathlib import Path

from api.pages.assets import find_assets

WEB = Path(__file__).parents[3] / "web"
LOCK = json.loads((WEB / "package-lock.json").read_text())["packages"]


def test_every_package_is_pinned_by_its_content_and_no_download_address_is_named() -> None:
    packages = {name: package for name, package in LOCK.items() if name}
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_what_is_asked_for_is_one_version_and_the_locked_one() -> None:
    for name, version in json.loads((WEB / "package.json").read_text())["devDependencies"].items():
        assert LOCK[f"node_modules/{name}"]["version"] == version


def test_an_icon_of_a_template_is_one_that_is_bundled() -> None:
    bundled = (WEB / "icons.css").read_text()
    templates = (WEB.parent / "api/templates").rglob("*.html")
    named = {name for path in templates for name in _icons(path.read_text())}
    assert {name for name in named if f".icon-{name} {{" not in bundled} == set()


def _icons(template: str) -> list[str]:
    return [part.partition('"')[0] for part in template.split('icon("')[1:] if not part.startswith(("sign", "symbol"))]


def test_without_a_bundle_there_is_nothing_to_load_and_nothing_breaks(tmp_path: Path) -> None:
    assert not find_assets(tmp_path).built


def test_the_files_of_a_bundle_are_found_by_its_manifest(tmp_path: Path) -> None:
    entry = {"app.js": {"file": "app-1.js", "css": ["app-2.css"], "isEntry": True}}
    (tmp_path / "manifest.json").write_text(json.dumps(entry))
    found = find_assets(tmp_path)
    assert (found.scripts, found.styles) == (("/static/app-1.js",), ("/static/app-2.css",))

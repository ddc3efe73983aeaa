"""Real TimescaleDB without root or containers: Debian's own packages, unpacked into a cache and run from there.

apt does the downloading, in a private configuration that touches nothing of the machine's, and checks signatures and
hashes. The packages bring their own C library, and every program is started through that library's loader: so the
machine's own release does not matter.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from storage.errors import LocalDatabaseFailed

SUITE = "trixie"
POSTGRES_VERSION = 17
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Pulled in by dependencies, never loaded by a server.
UNNEEDED = re.compile(r"llvm|perl|^libz3|semanage|sepol|pam-modules|gdbm|proc2|debconf|^libdb5|-dev$|-data$|locales")
WANTED = re.compile(rf"^(lib|zlib1g|tzdata$|postgresql-(client-)?{POSTGRES_VERSION}(-timescaledb)?$)")


def available() -> bool:
    return bool(shutil.which("apt-get") and shutil.which("dpkg-deb")) and KEYRING.exists()


def unpack(target: Path) -> Path:
    """Download and unpack the server below `target`, which must not exist yet. Answers the folder of its programs.

    Whoever sees `target` sees all of it: it is filled under another name and renamed last. The caller is alone in the
    folder, so what looks unfinished there was left by somebody who was killed.
    """
    for leftover in target.parent.glob(".apt-*"):
        shutil.rmtree(leftover)
    workshop = Path(tempfile.mkdtemp(prefix=".apt-", dir=target.parent))
    try:
        root = workshop / "root"
        root.mkdir()
        for package in _download(workshop):
            _run("dpkg-deb", "-x", str(package), str(root))
        _wrap_programs(root, target)
        for unused in ("usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(root / unused, ignore_errors=True)
        shutil.rmtree(root / f"usr/lib/postgresql/{POSTGRES_VERSION}/lib/bitcode", ignore_errors=True)
        root.chmod(0o755)
        root.rename(target)
    except subprocess.CalledProcessError as error:
        complaint = (error.stderr or "").strip().splitlines() or [f"status {error.returncode}"]
        raise LocalDatabaseFailed(f"{error.cmd[0]} could not get TimescaleDB: {complaint[-1]}") from None
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return programs(target)


def programs(target: Path) -> Path:
    return target / f"usr/lib/postgresql/{POSTGRES_VERSION}/bin"


def extension_version(target: Path) -> str:
    control = target / f"usr/share/postgresql/{POSTGRES_VERSION}/extension/timescaledb.control"
    return next(line.split("'")[1] for line in control.read_text().splitlines() if line.startswith("default_version"))


def _download(workshop: Path) -> list[Path]:
    packages = workshop / "packages"
    for folder in ("etc", "state/lists/partial", "cache/archives/partial", "packages"):
        (workshop / folder).mkdir(parents=True)
    (workshop / "state/status").touch()
    architecture = _run("dpkg", "--print-architecture").strip()
    (workshop / "etc/sources.list").write_text(
        f"deb [arch={architecture} signed-by={KEYRING}] {_mirror()} {SUITE} main\n"
    )
    configuration = workshop / "apt.conf"
    configuration.write_text(
        f"""
        {_network_settings()}
        Dir::Etc "{workshop}/etc"; Dir::State "{workshop}/state"; Dir::State::status "{workshop}/state/status";
        Dir::Cache "{workshop}/cache"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
        APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};
        APT::Sandbox::User ""; APT::Install-Recommends "false"; Acquire::Languages "none"; Acquire::Retries "3";
        Debug::NoLocking "true";
        """
    )
    # Only through the environment is the configuration read early enough to replace the machine's own.
    private = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}
    _run("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update", environment=private)
    server = f"postgresql-{POSTGRES_VERSION}-timescaledb"
    plan = _run("apt-get", "--simulate", "install", server, environment=private)
    closure = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    wanted = [name for name in closure if WANTED.search(name) and not UNNEEDED.search(name)]
    _run("apt-get", "-qq", "download", *wanted, environment=private, folder=packages)
    return sorted(packages.glob("*.deb"))


def _mirror() -> str:
    """The Debian mirror that this machine already uses, whatever release it takes from it."""
    targets = _run("apt-get", "indextargets", "--format", "$(REPO_URI)").split()
    mirrors = [address for address in targets if address.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise LocalDatabaseFailed("apt's sources name no Debian mirror to get TimescaleDB from")
    return mirrors[0]


def _network_settings() -> str:
    """How this machine's apt reaches its mirror: proxies and certificates."""
    settings = _run("apt-config", "dump").splitlines()
    return "\n".join(line for line in settings if re.match(r"Acquire::https?::", line))


def _wrap_programs(root: Path, target: Path) -> None:
    """Replace each program by a script that starts it through the loader and libraries it came with."""
    loader = next(iter(sorted(root.glob("usr/lib*/**/ld-linux-*.so*"))))
    libraries = next(path.parent for path in root.glob("usr/lib/*/libc.so.6"))
    elf_folder = programs(root) / ".elf"
    elf_folder.mkdir()
    for program in list(programs(root).iterdir()):
        if not program.is_file() or not program.read_bytes().startswith(b"\x7fELF"):
            continue
        program.rename(elf_folder / program.name)
        here = programs(target)
        program.write_text(
            f'#!/bin/sh\nexec "{target / loader.relative_to(root)}" --inhibit-cache '
            f'--library-path "{target / libraries.relative_to(root)}" --argv0 "{here / program.name}" '
            f'"{here / ".elf" / program.name}" "$@"\n'
        )
        program.chmod(0o755)


def _run(*command: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    finished = subprocess.run(  # noqa: S603  (fixed programs; no argument comes from outside)
        command, check=True, env=environment, cwd=folder, text=True, capture_output=True
    )
    return finished.stdout

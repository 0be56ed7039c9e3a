"""hq.toml -> frozen structures: every default and every limit of headquarters, with its unit.

Laws:
1. Unknown keys are errors (a mistyped limit must not be a silent default); a message names the key's path.
2. Nothing here opens a socket, a key or a database; relative paths are taken from the file's folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import msgspec

from common import settings
from common.settings import ConfigError, Section, TlsConfig

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
CLIENT_ID = re.compile(r"[a-z0-9-]{2,40}")


class StoreConfig(Section, frozen=True):
    """Headquarters' database."""

    path: str = "hq.sqlite"


class KeysConfig(Section, frozen=True):
    """The private keys, as `borderpost-hq keys create` makes them."""

    seal: tuple[str, ...] = ("keys/seal.pem",)  # X25519, opens what the posts sealed; older ones too
    ack: str = "keys/ack.pem"  # Ed25519, signs what headquarters holds
    passphrase_file: str | None = None  # one line; leave out for keys without a passphrase


class BrokerConfig(Section, frozen=True):
    """The way to the broker."""

    host: str = "127.0.0.1"
    port: Port = 8883
    client_id: str = "hq"  # 2 to 40 of a-z, 0-9 and hyphen; one collector per client id
    tls: TlsConfig | None = None
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 20
    connect_timeout_s: Seconds = 30.0
    backoff_min_s: Seconds = 1.0
    backoff_max_s: Seconds = 60.0


class CollectorConfig(Section, frozen=True):
    """Limits of the collecting thread."""

    # Batches form by themselves: whatever came in while the last one was written is the next one.
    batch: Annotated[int, msgspec.Meta(ge=1, le=10000)] = 200  # messages a commit
    message_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1_048_576)] = 65_536  # a larger one is cut
    quarantine_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000  # the oldest go first
    conflict_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000  # further ones are counted
    devices: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 20_000  # a stranger beyond is refused
    health_interval_s: Seconds = 60.0  # as the posts are configured; three without a word is silence


class UpdatesConfig(Section, frozen=True):
    """What the collector tells the posts of new lists."""

    repo: str = ""  # the repository of `publish init`; its beacon and urgent.parcel are sent. Empty: nothing is
    look_s: Seconds = 5.0  # between two looks at it


class ProvisioningConfig(Section, frozen=True):
    """What `borderpost-provision` made, as far as headquarters' collector and `import` need it."""

    ca: str = ""  # the national authority's certificate(s), PEM: whose boxes' sticks are believed
    national: str = ""  # the national package (national.json): whose word a revocation is
    revoked: str = ""  # the newest signed revocation; needs national. Empty: nobody is refused
    look_s: Seconds = 5.0  # between two looks at it, and at envelopes that wait to be sent


class Config(Section, frozen=True):
    """The whole of hq.toml."""

    store: StoreConfig = StoreConfig()
    keys: KeysConfig = KeysConfig()
    broker: BrokerConfig = BrokerConfig()
    collector: CollectorConfig = CollectorConfig()
    updates: UpdatesConfig = UpdatesConfig()
    provisioning: ProvisioningConfig = ProvisioningConfig()


def load(path: Path) -> Config:
    """Read and check one hq.toml. Raises ConfigError naming file and key."""
    text = settings.read(path, advice="give headquarters' hq.toml with --config")
    return parse(text, where=str(path), base=path.resolve().parent)


def parse(text: str, *, where: str, base: Path) -> Config:
    """The same from text; relative paths are taken from ``base``."""
    config = settings.convert(text, Config, where=where)
    if config.broker.backoff_max_s < config.broker.backoff_min_s:
        raise ConfigError(
            f"{where}: broker.backoff_max_s is below broker.backoff_min_s",
            advice="make the maximum the larger one",
        )
    if not CLIENT_ID.fullmatch(config.broker.client_id):
        raise ConfigError(
            f"{where}: broker.client_id is not 2 to 40 of a-z, 0-9 and hyphen", advice='write for example "hq"'
        )
    if config.provisioning.revoked and not config.provisioning.national:
        raise ConfigError(
            f"{where}: provisioning.revoked without provisioning.national",
            advice="name the national package too: it holds the keys that a revocation must be signed by",
        )
    return _absolute(config, base)


def _absolute(config: Config, base: Path) -> Config:
    replace = msgspec.structs.replace
    keys, tls = config.keys, config.broker.tls
    broker = config.broker
    if tls:
        broker = replace(broker, tls=tls.absolute(base))
    return replace(
        config,
        store=replace(config.store, path=str(base / config.store.path)),
        keys=replace(
            keys,
            seal=tuple(str(base / p) for p in keys.seal),
            ack=str(base / keys.ack),
            passphrase_file=str(base / keys.passphrase_file) if keys.passphrase_file else None,
        ),
        broker=broker,
        updates=replace(config.updates, repo=str(base / config.updates.repo) if config.updates.repo else ""),
        provisioning=replace(config.provisioning, **{
            name: str(base / path) if (path := getattr(config.provisioning, name)) else ""
            for name in ("ca", "national", "revoked")
        }),
    )

"""``borderpost-hq send``: an envelope to a box over MQTT."""

from __future__ import annotations

from pathlib import Path

import click

from hq.verbs.options import config_option, now


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--to", "device", default="", metavar="DEVICE",
              help="The box; left out: the one that gave this serial as its own.")
def command(config_path: Path, file: Path, device: str) -> None:
    """Send SERIAL.prov of `borderpost-provision` to its box, through the running collector.

    It stays with the broker until the box says that it took this number; `borderpost-hq requests list` shows it. Nobody
    but the box can open it. At most 48 kB: a larger one goes by stick.
    """
    from common.settings import ConfigError
    from edge.core.provisioning.codes import ProvisioningError
    from edge.core.provisioning.envelope import check_content, read_header
    from edge.core.provisioning.signing import keys_of, open_national
    from edge.core.wire import MAX_CARRIED, valid_device
    from hq import config
    from hq.errors import StoreError
    from hq.store import devices_of_serial, queue_envelope

    settings = config.load(config_path)
    with file.open("rb") as opened:
        data = opened.read(MAX_CARRIED + 1)
    if len(data) > MAX_CARRIED:
        raise click.UsageError(f"{file} has more than {MAX_CARRIED} bytes: take it to the box by stick")
    if not settings.provisioning.national:
        raise ConfigError(
            f"{config_path}: provisioning.national is not set",
            advice="name the national package: it holds the keys that envelopes are signed by",
        )
    try:
        national = open_national(Path(settings.provisioning.national).read_bytes(), None)
        header = read_header(data, keys_of(national.command_keys))
        check_content(data, header)
    except ProvisioningError as error:
        raise StoreError(f"{file}: {error.message}", advice=error.advice) from error
    except OSError as error:
        raise StoreError(
            f"{settings.provisioning.national}: {error.strerror}", advice="mend provisioning.national in hq.toml"
        ) from error
    path = Path(settings.store.path)
    if not device:
        known = devices_of_serial(path, header.serial)
        if not known:
            raise StoreError(
                f"the box {header.serial} was not heard from yet",
                advice="try again when it has been online once, or say whose it is: --to DEVICE",
            )
        if len(known) != 1:
            raise click.UsageError(f"{len(known)} posts gave the serial {header.serial} as theirs: say --to DEVICE")
        device = known[0]
    if not valid_device(device):
        raise click.UsageError(f"{device} is no device id")
    if not queue_envelope(path, device, header.serial, header.sequence, data, now()):
        raise StoreError(
            f"envelope {header.sequence} or a newer one went to {device} before", advice="sign a new one, and send that"
        )
    click.echo(f"envelope {header.sequence} goes to {device} ({header.serial}) as soon as the collector looks")

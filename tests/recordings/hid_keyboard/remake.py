"""Remakes the captures of this folder: ``python -m tests.recordings.hid_keyboard.remake`` (in the project's folder).

The virtual keyboard (drivers/virtual) types a specimen document to our own host side over USB/IP, and the transfers
are written as usbmon would have taken them. The result depends on nothing but the code: same code, same files.
"""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from drivers.transport.usb_port import UsbHidTransport
from drivers.virtual.control import ask
from drivers.virtual.keyboard_device import KeyboardDevice, Typing
from drivers.virtual.usb_bench import UsbBench
from drivers.virtual.usb_capture import description, pcapng
from drivers.virtual.usb_keyboard import UsbKeyboard
from drivers.virtual.usb_share import Exchange

FOLDER = Path(__file__).parent
# ICAO 9303's specimen: nobody's document
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
CASES = {
    "td3-us": (TD3, Typing()),
    "td1-de-tab": (TD1, Typing(layout="de", row_end="tab", rolling=True)),
    "td3-fr-caps": (TD3, Typing(layout="fr", caps_lock=True, glitch_every=7)),
}


def capture(rows: tuple[str, ...], typing: Typing) -> bytes:
    """Type the rows to a host; the capture."""
    exchanges: list[Exchange] = []
    device = KeyboardDevice(typing)
    count = len(KeyboardDevice(typing).present(rows))
    with tempfile.TemporaryDirectory() as folder:
        control, link = Path(folder, "control"), Path(folder, "port")
        bench = UsbBench(device, control, link)
        bench.share.tap = exchanges.append
        wake, end = os.pipe()
        thread = threading.Thread(target=bench.serve, args=(wake,))
        thread.start()
        host = UsbHidTransport(link.read_text("ascii").strip(), slice_s=10.0)
        try:
            ask(control, {"present": list(rows)})
            got = b""
            while len(got) < count:
                piece = host.read(4096, 5.0)
                if not piece:
                    raise SystemExit("the virtual keyboard fell silent")
                got += piece
        finally:
            host.close()
            ask(control, {"quit": True})
            thread.join()
            os.close(wake)
            os.close(end)
    return pcapng(exchanges)


def files() -> dict[str, bytes]:
    """Every file of this folder that is made, by name."""
    made = {f"{name}.pcapng": capture(rows, typing) for name, (rows, typing) in CASES.items()}
    return made | {"device": description(UsbKeyboard()).encode("ascii")}


if __name__ == "__main__":
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)

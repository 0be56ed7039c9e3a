"""A stick that is a keyboard besides: one USB device with two functions, made inside the guest of its kernel's parts.

QEMU has no composite device, so the guest has a second host controller (dummy_hcd) whose only port leads to a gadget
of its own (Linux, Documentation/usb/gadget_configfs.rst, gadget_hid.rst).
"""

from __future__ import annotations

import gzip
from pathlib import Path

from drivers.virtual.usb_keyboard import REPORT_DESCRIPTOR
from hil_tests.bench.sticks import make_stick, read_stick
from hil_tests.bench.target import Target

MIB = 8  # its image passes through the guest's agent
IMAGE, GADGET, UDC = "/run/bench-stick.img", "/sys/kernel/config/usb_gadget/bench", "dummy_udc.0"
VENDOR, PRODUCT, SERIAL = "0x1209", "0x0002", "COMPOSITE-1"
MAKE = f"""set -e
for one in dummy_hcd libcomposite usb_f_mass_storage usb_f_hid usb_storage usbhid hid_generic; do modprobe $one; done
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
mkdir {GADGET}; cd {GADGET}
echo {VENDOR} > idVendor; echo {PRODUCT} > idProduct; echo 0x0200 > bcdUSB
mkdir strings/0x409
echo {SERIAL} > strings/0x409/serialnumber; echo bench > strings/0x409/manufacturer
echo 'stick and keyboard' > strings/0x409/product
mkdir configs/c.1 functions/mass_storage.0 functions/hid.0
echo 1 > functions/mass_storage.0/lun.0/removable; echo {IMAGE} > functions/mass_storage.0/lun.0/file
echo 1 > functions/hid.0/protocol; echo 1 > functions/hid.0/subclass; echo 8 > functions/hid.0/report_length
base64 -d > functions/hid.0/report_desc
ln -s functions/mass_storage.0 functions/hid.0 configs/c.1/
echo {UDC} > UDC
"""
PULL = f"echo > {GADGET}/UDC"
BREAK = f"""cd {GADGET} && rm configs/c.1/mass_storage.0 configs/c.1/hid.0 &&
rmdir configs/c.1 functions/* strings/0x409 && cd / && rmdir {GADGET}"""


class CompositeStick:
    """See bench.lab.Stick. One at a time."""

    def __init__(self, target: Target, folder: Path, image: Path) -> None:
        self._target, self._image = target, image
        make_stick(image, folder, mib=MIB)
        target.pipe(f"gunzip > {IMAGE}", gzip.compress(image.read_bytes()))
        target.pipe(MAKE, _base64(REPORT_DESCRIPTOR))
        self.plugged = True

    def pull(self) -> None:
        """Pull it, whatever is being written."""
        if self.plugged:
            self._target.pipe(PULL)
            self._target.pipe(BREAK)
            self.plugged = False

    def contents(self, to: Path) -> Path:
        """What is on it, copied into a folder (after it was pulled)."""
        self._image.write_bytes(gzip.decompress(self._target.pipe(f"gzip -1 < {IMAGE}")))
        return read_stick(self._image, to)

    def press(self, report: bytes) -> None:
        """Send one report of eight bytes, as if a key were pressed."""
        self._target.pipe("cat > /dev/hidg0", report)


def _base64(data: bytes) -> bytes:
    import base64

    return base64.b64encode(data)

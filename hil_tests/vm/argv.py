"""QEMU's command line: the machine that every guest is.

Laws:
1. Always TCG: KVM of a computer that is itself a guest crawls, and says nothing.
2. Every guest has the same devices in the same order: a snapshot of one is restored by another's command line. What is
   plugged later is out again before a snapshot.
3. The disk keeps the meaning of a flush: the guest sees a write cache (``write-cache=on``), a flush of the guest is an
   fdatasync of the file, and a cluster that was written but not flushed is not in the map of the qcow2 yet. SIGKILL to
   QEMU therefore loses what was not flushed, and nothing else (test_flush.py shows both).
4. Nothing leads out of the guest but two ports of this computer, and each connection has a socat of its own that ends
   with it.
5. The processors stand still until they are told to go: what is there at the first instruction is plugged in before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MEMORY_MIB, PROCESSORS = 1024, 2
CPU = "Nehalem"  # x86-64-v2, which the wheels of numpy and onnxruntime ask for; more is slower to emulate
USB_PORTS = 15
BROKER, USB_IP = "10.0.2.100:8883", "10.0.2.100:3240"  # as the guest sees them; its hosts file calls it headquarters
# Without mitigations: they guard against processors that an emulator does not have, and cost it a third of a boot.
KERNEL_WORDS = (
    "root=/dev/vda rootfstype=ext4 rw console=tty0 console=ttyS0 net.ifnames=0 quiet loglevel=4 mitigations=off"
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What differs from guest to guest. ``sockets``: a folder with a short path. ``rtc``: UTC, ISO 8601, or now."""

    kernel: Path
    initrd: Path
    overlay: Path
    folder: Path
    sockets: Path
    broker_port: int
    usbip_port: int
    rtc: str | None = None
    words: str = KERNEL_WORDS


def forward(inside: str, port: int) -> str:
    """A port of the guest's network that is one of this computer's."""
    return f"guestfwd=tcp:{inside}-cmd:socat - TCP:127.0.0.1:{port}"


def overlay_node(path: Path) -> str:
    """The disk's block node (law 3)."""
    file = f"file.driver=file,file.filename={path},file.cache.direct=on,file.cache.no-flush=off"
    return f"driver=qcow2,node-name=disk,cache.direct=on,cache.no-flush=off,{file}"


def argv(machine: Machine, incoming: str | None = None) -> list[str]:
    """The command; ``incoming``: the shell's command that writes a snapshot's memory to standard output."""
    at = machine.sockets
    words = [
        "qemu-system-x86_64", "-name", "borderpost", "-nodefaults", "-no-user-config", "-display", "none", "-S",
        "-machine", "q35,vmport=off", "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", str(PROCESSORS),
        "-m", str(MEMORY_MIB), "-kernel", str(machine.kernel), "-initrd", str(machine.initrd), "-append", machine.words,
        "-rtc", f"base={machine.rtc or 'utc'}",
        "-chardev", f"socket,id=qmp,path={at / 'qmp'},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
        "-chardev", f"file,id=serial,path={machine.folder / 'serial.log'},append=on", "-serial", "chardev:serial",
        "-vga", "std",
        "-blockdev", overlay_node(machine.overlay),
        "-device", "virtio-blk-pci,drive=disk,id=disk0,write-cache=on",
        "-netdev", "user,id=user0,restrict=on," + ",".join(
            (forward(BROKER, machine.broker_port), forward(USB_IP, machine.usbip_port))),
        "-device", "virtio-net-pci,netdev=user0,id=net0",
        "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random",
        "-device", "virtio-serial-pci,id=ports",
        "-chardev", f"socket,id=agent,path={at / 'agent'},server=on,wait=off",
        "-device", "virtserialport,id=agent0,chardev=agent,name=org.qemu.guest_agent.0",
        "-chardev", f"file,id=verdicts,path={machine.folder / 'verdicts.log'},append=on",
        "-device", "virtserialport,id=verdicts0,chardev=verdicts,name=bench.verdicts",
        "-device", f"qemu-xhci,id=usb,p2={USB_PORTS},p3={USB_PORTS}",
        "-chardev", f"socket,id=tpm,path={at / 'tpm'}", "-tpmdev", "emulator,id=tpm,chardev=tpm",
        "-device", "tpm-crb,tpmdev=tpm",
        "-device", "i6300esb,id=watchdog", "-action", "watchdog=reset",
    ]  # fmt: skip
    return [*words, "-incoming", f"exec:{incoming}"] if incoming else words

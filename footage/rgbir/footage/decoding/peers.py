"""Whom this process is connected to. FFmpeg follows a camera that sends it to another host, and has no option against it."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

Address = IPv4Address | IPv6Address


def peers() -> set[Address]:
    """The other ends of this process's TCP connections; none where the system has no /proc."""
    inodes = set()
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                inodes.add(os.readlink(f"/proc/self/fd/{name}").removeprefix("socket:[").removesuffix("]"))
    ends: set[Address] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[9] in inodes:
                    ends.add(_address(fields[2].partition(":")[0]))
    return ends


def addresses_of(host: str) -> set[Address]:
    """Of a host's name; none if it has none."""
    with suppress(OSError):
        return {_plain(str(each[4][0])) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return set()


def _address(digits: str) -> Address:
    """As the kernel writes it: words of 32 bits in the machine's own order."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    return _plain(str(ip_address(struct.pack(f"={len(words)}I", *words))))


def _plain(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

#!/usr/bin/env python3
"""Known answers for AddressTokens, made without any of its code: Python 3 and its standard library.

    python3 test/endpoint/address-token-vectors.py

writes address-token-vectors.json beside this file. PROTOCOL.md has the layout of what is signed.
"""
import hashlib
import hmac
import ipaddress
import json
import math
import pathlib
import struct

TEXT = {"text": "a secret of 24 bytes ..."}
UMLAUTS = {"text": "sechzehn Bytes, mit ä"}
BYTES = {"hex": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}
# Longer than a block of SHA-256: HMAC hashes it first (RFC 2104 section 2).
LONG = {"hex": "aa" * 131}

# secret, lifetime and time in milliseconds, address, port
CASES = [
    (TEXT, 600_000, 1_700_000_000_000, "127.0.0.1", 1),
    (TEXT, 600_000, 1_700_000_000_000, "127.0.0.1", 65_535),
    (TEXT, 600_000, 1_700_000_000_000, "::1", 40_000),
    (TEXT, 600_000, 0, "192.0.2.7", 12_346),
    (TEXT, 600_000, 299_999, "192.0.2.7", 12_346),
    (TEXT, 600_000, 300_000, "192.0.2.7", 12_346),
    (UMLAUTS, 600_000, 1_764_000_000_123, "198.51.100.254", 53),
    (BYTES, 20_000, 1_764_000_000_123, "255.255.255.255", 256),
    (BYTES, 20_000, 1_764_000_000_123, "0.0.0.0", 255),
    (BYTES, 86_400_000, 4_102_444_800_000, "2001:db8::8:800:200c:417a", 443),
    (BYTES, 86_400_000, 4_102_444_800_000, "2001:0DB8:0000:0000:0008:0800:200C:417A", 443),
    (BYTES, 20_001, 1_764_000_000_123, "fe80::a00:27ff:fe4e:66a1", 3000),
    (LONG, 600_000, 1_764_000_000_123, "2001:db8:1:2:3:4:5:6", 65_535),
    (LONG, 600_000, 1_764_000_000_123, "::ffff:192.0.2.7", 12_346),
]


def token(secret, lifetime_ms, epoch_ms, address, port):
    parsed = ipaddress.ip_address(address)
    # An IPv4 address seen by a socket for both families is the IPv4 address.
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    message = struct.pack(
        ">BB16sHQ",
        1,
        parsed.version,
        parsed.packed.rjust(16, b"\0"),
        port,
        math.floor(epoch_ms / (lifetime_ms / 2)),
    )
    assert len(message) == 28
    key = secret["text"].encode() if "text" in secret else bytes.fromhex(secret["hex"])
    return hmac.new(key, message, hashlib.sha256).digest()[:16].hex()


vectors = [
    {
        "secret": secret,
        "lifetimeMs": lifetime_ms,
        "epochMs": epoch_ms,
        "address": address,
        "port": port,
        "token": token(secret, lifetime_ms, epoch_ms, address, port),
    }
    for secret, lifetime_ms, epoch_ms, address, port in CASES
]

out = pathlib.Path(__file__).with_suffix(".json")
out.write_text(json.dumps(vectors, indent=2, ensure_ascii=False) + "\n")

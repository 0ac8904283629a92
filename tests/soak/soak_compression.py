"""The bytes of a compressed layer do not depend on the addresses at which its library works.

ISA-L computes one of its first hashes of an address if a stream begins without a dictionary. That changes the result
for one address in some ten thousand, so this test goes through as many of them.
"""

from __future__ import annotations

import os
import subprocess
import sys

# Every object lies in the growing heap, and what is kept between two streams moves the next one by 64 KiB.
_MANY = """
from release.compression.codecs import gzip
text = b"".join(b"line %d of a layer\\n" % (number % 7) for number in range(400))
def compressed():
    one = gzip().start()
    return one.compress(text) + one.flush()
first, kept, odd = compressed(), [], 0
for _ in range(34_000):
    kept.append(bytes(65_472))
    odd += compressed() != first
print(len(kept), "addresses,", odd, "with other bytes")
"""


def test_a_layer_has_the_same_bytes_at_every_address() -> None:
    env = {**os.environ, "MALLOC_MMAP_MAX_": "0"}
    done = subprocess.run(
        [sys.executable, "-c", _MANY], env=env, capture_output=True, text=True, check=True, timeout=600
    )
    print(done.stdout)
    assert done.stdout == "34000 addresses, 0 with other bytes\n"

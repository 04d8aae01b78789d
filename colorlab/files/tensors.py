"""Files of safetensors, whose bytes depend on what is in them and on nothing else."""

import json

ALIGNED = 8  # the header's length is a multiple of this, as safetensors makes it


def with_sorted_header(content: bytes) -> bytes:
    """The same file with the entries of its header in order; safetensors writes metadata as its hash table has them.

    Args:
        content: of a whole file: the header's length in 8 bytes, the header in JSON, the numbers.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(
        json.loads(content[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    header += b" " * (-len(header) % ALIGNED)
    return len(header).to_bytes(8, "little") + header + content[end:]

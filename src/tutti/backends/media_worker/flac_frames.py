"""Finds FLAC frames by their headers, to know how far a file goes.

Source: RFC 9639 9.1.
"""

import re

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_HEADER_BYTES = 16
_CODED_AT = 4

_BLOCK_SAMPLES = {
    1: 192,
    **{code: 576 << (code - 2) for code in range(2, 6)},
    **{code: 256 << (code - 8) for code in range(8, 16)},
}
_BLOCK_SAMPLES_BYTES = {6: 1, 7: 2}
_RATE_BYTES = {12: 1, 13: 2, 14: 2}


def furthest_sample(data: bytes, block_samples: int, most: int) -> int:
    """Return the number of the sample after the furthest frame whose header is in these bytes, 0 when none is.

    Bytes in the sound may look like a header. But the real last one is always found in a whole file, so the furthest
    one never wrongly says that it ends early.

    Args:
        data: Bytes from the end of a file.
        block_samples: How many samples a frame has where all have as many.
        most: Frames beyond this sample are no frames.
    """
    headers = (data[match.start() : match.start() + _HEADER_BYTES] for match in _SYNC.finditer(data))
    return max((end for header in headers if (end := _end(header, block_samples)) <= most), default=0)


def _end(header: bytes, block_samples: int) -> int:
    """Return the number of the sample after a frame, 0 when this is no header of one."""
    if len(header) < _HEADER_BYTES or header[3] & 1:
        return 0
    number, offset = _coded_number(header)
    size_code, rate_code = header[2] >> 4, header[2] & 0xF
    size_bytes = _BLOCK_SAMPLES_BYTES.get(size_code, 0)
    checked = offset + size_bytes + _RATE_BYTES.get(rate_code, 0)
    if not offset or _crc8(header[:checked]) != header[checked]:
        return 0
    samples = _BLOCK_SAMPLES.get(size_code) or int.from_bytes(header[offset : offset + size_bytes], "big") + 1
    is_variable = header[1] & 1
    return (number if is_variable else number * block_samples) + samples


def _coded_number(header: bytes) -> tuple[int, int]:
    """Return the number of a frame, coded like a character of UTF-8 of up to seven bytes, and the offset behind it.

    Both are 0 when it is none.
    """
    ones = 8 - (header[_CODED_AT] ^ 0xFF).bit_length()
    if ones == 0:
        return header[_CODED_AT], _CODED_AT + 1
    end = _CODED_AT + ones
    number = header[_CODED_AT] & 0x7F >> ones
    for byte in header[_CODED_AT + 1 : end]:
        number = number << 6 | byte & 0x3F
    is_valid = ones not in {1, 8} and all(0x80 <= byte < 0xC0 for byte in header[_CODED_AT + 1 : end])  # noqa: PLR2004
    return (number, end) if is_valid else (0, 0)


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc8_of(byte: int) -> int:
    for _ in range(8):
        byte = byte << 1 ^ (0x107 if byte & 0x80 else 0)
    return byte


_CRC8 = bytes(map(_crc8_of, range(256)))

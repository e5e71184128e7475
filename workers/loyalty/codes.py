"""Coupon codes: letters and digits without order, the last one a check character (ISO 7064, MOD 37,36)."""

from hashlib import sha256

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BASE = len(ALPHABET)


def stir(pool: str, *news: object) -> str:
    """The next state of an entropy pool (64 hex digits): SHA-256 over what it held and what has come in since."""
    return sha256("|".join([pool, *map(str, news)]).encode()).hexdigest()


def new_code(pool: str, bits: int) -> str:
    """A code of `bits` (up to 256) of a pool's hash, with its check character."""
    number = int.from_bytes(sha256(pool.encode()).digest(), "big") >> (256 - bits)
    length = 1
    while BASE**length < 1 << bits:
        length += 1
    body = "".join(ALPHABET[number // BASE**place % BASE] for place in reversed(range(length)))
    return body + check_character(body)


def check_character(body: str) -> str:
    """The character that makes `body` and it a valid code. ValueError for other signs than letters and digits."""
    carry = BASE
    for sign in body:
        carry = 2 * ((carry + ALPHABET.index(sign)) % BASE or BASE) % (BASE + 1)
    return ALPHABET[(1 - carry) % BASE]

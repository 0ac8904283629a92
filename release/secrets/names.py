"""Guesses from the name of a variable or build argument whether its value is secret. Pure.

The guess is used for warnings, and for refusals where a secret would leave the machine. Values are not read.
"""

from __future__ import annotations

from release.lazy_pattern import pattern

#: Words that name a secret when they stand alone between separators: `NPM_TOKEN`, `token`, `dbPassword`.
_WORDS = frozenset(
    """
    apikey auth authtoken bearer cert credential credentials creds jwt key keys netrc oauth passphrase passwd password
    pat pem pgpassword private privatekey psw pw pwd secret secretkey secrets session signature token tokens webhook
    """.split()  # noqa: SIM905  # forty quoted words would hide the list
)
#: Endings that name a secret without a separator before them: `SUPERSECRET`, `mytoken`, `DBPASSWORD`.
_ENDINGS = ("secret", "token", "password", "passwd", "apikey", "credential", "credentials", "passphrase")
#: Words that make a name with the word `KEY` harmless, such as `PUBLIC_KEY` and `CACHE_KEY`.
_PUBLIC = frozenset({"public", "pub", "cache", "sort", "primary", "partition"})

# Splits `npmToken` and `NPM_TOKEN` into the same two words. In `AWSSecret` the last capital of `AWSS` starts the next
# word, so a run of capitals ends before a capital that a small letter follows.
_WORD = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def looks_secret(name: str) -> bool:
    """Whether a variable called `name` probably holds a secret: `NPM_TOKEN`, `supersecret`, `awsSecretAccessKey`."""
    # 512 characters: names of variables are far shorter, and a name in an untrusted file may be as long as the file.
    words = [word.lower() for word in _WORD.findall(name[:512])]
    # `DB_PASS`; a first or middle word, as in `PASS_THROUGH`, means something else.
    if any(word.endswith(_ENDINGS) for word in words) or words[-1:] == ["pass"]:
        return True
    hits = [word for word in words if word in _WORDS]
    if hits and all(word in {"key", "keys"} for word in hits) and _PUBLIC.intersection(words):
        return False
    return bool(hits)

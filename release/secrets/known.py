"""Collects the secrets of a run, and replaces them in any text."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping

from release.lazy_pattern import pattern
from release.secrets.redaction import HIDDEN, secrets_of

_SHORTEST = 4  # characters; shorter secrets occur by chance in ordinary text, which replacing would garble
# Characters. A secret this long with a digit or a sign hardly occurs by chance, so it is replaced inside words too.
_LONG = 8
# Characters of one variable's value. A larger value is a file and not a credential, and every printed text would be
# searched for it.
_LARGEST = 64 * 1024
_OURS = pattern(r"SHIPMARK_(?:REGISTRY_\w+_(?:TOKEN|PASSWORD)|LOG_TOKEN)")
# Endings of variable names whose values are secrets and are replaced in all output. `looks_secret`, which is for
# warnings, accepts more names, among them `PWD` and `SSH_AUTH_SOCK`, whose values must stay readable.
_CREDENTIAL = pattern(
    r"(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|API_?KEY|ACCESS_KEY|PRIVATE_KEY|SECRET_KEY|_PSW)\Z",
    re.IGNORECASE,
)


class Secrets:
    """The secrets of a run, each also in base64 and percent-encoding, as requests contain them. Thread-safe."""

    def __init__(self) -> None:
        # Serialises writers, each of which replaces a whole tuple or text. Readers take the present one without a
        # lock.
        self._lock = threading.Lock()
        self._spellings: tuple[str, ...] = ()
        self._public = ""

    def add(self, *texts: str) -> None:
        """Add secrets, each as it is, in base64, and percent-encoded; texts of fewer than 4 characters are ignored."""
        spellings = {spelling for text in texts for spelling in _spell(text)}
        if not spellings.issubset(self._spellings):
            with self._lock:
                # Longest first: one secret may be part of another, and replacing the part first would show the rest.
                self._spellings = tuple(sorted({*self._spellings, *spellings}, key=len, reverse=True))

    def add_public(self, *texts: str) -> None:
        """Add texts that are printed on purpose, such as image names; `mask` never replaces a part of them."""
        with self._lock:
            self._public = "\n".join([self._public, *texts])

    def scrub(self, text: str) -> str:
        """A server's text with each known secret replaced by `***`, and each unprintable character by a blank."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        return "".join(character if character.isprintable() else " " for character in text)

    def mask(self, text: str) -> str:
        """Text to be printed or recorded, with known secrets replaced by `***`.

        A secret below 8 characters, or of letters only, is replaced only as a whole word: the password `postgres` stays
        in the text `postgresql`. A secret that is part of a public text (`add_public`) is not replaced.
        """
        for spelling in self._spellings:
            if spelling in text and spelling not in self._public:
                if len(spelling) >= _LONG and not spelling.isalpha():
                    text = text.replace(spelling, HIDDEN)
                else:
                    text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(spelling)}(?![A-Za-z0-9])", HIDDEN, text)
        return text


def secrets_in(env: Mapping[str, str]) -> Iterable[str]:
    """Credentials in `env`: values of variables that are named like secrets, and passwords and tokens in URLs.

    A variable that is not shipmark's own counts by its name only if its value has 8 characters or more. Values of more
    than 65,536 characters are skipped.
    """
    for name, value in env.items():
        if len(value) > _LARGEST:
            continue
        is_ours = name.startswith("SHIPMARK_") and _OURS.fullmatch(name)
        if is_ours or (len(value) >= _LONG and _CREDENTIAL.search(name)):
            yield value
            yield value.strip()
        if "@" in value:
            is_bare_proxy = name.lower().endswith("_proxy") and "://" not in value
            yield from passwords_of(f"http://{value}" if is_bare_proxy else value)


def passwords_of(url: str) -> Iterable[str]:
    """The password or token in `url` and the values of its secret parameters, both raw and decoded."""
    for secret in secrets_of(url):
        # Imported late, here and in `_spell`: every command imports this module, and most runs have no secrets.
        from urllib.parse import unquote

        yield secret
        yield unquote(secret)


def _spell(text: str) -> set[str]:
    if len(text) < _SHORTEST:
        return set()
    import base64
    from urllib.parse import quote, quote_plus

    raw = text.encode("utf-8", "surrogateescape")
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {
        text,
        *encoded,
        *(spelling.rstrip("=") for spelling in encoded),
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
    }

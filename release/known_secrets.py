"""The secrets that one run knows, and their removal from any text, whoever wrote it."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote

from release.redaction import HIDDEN, secrets_of

_SHORTEST = 4  # replacing shorter ones would garble ordinary words
_LONG = 8  # from here on a secret is replaced inside words, too, unless it is made of letters only
_LARGEST = 64 * 1024  # characters of one value; a larger one is a file, not a credential
_OURS = re.compile(r"SHIPMARK_(?:REGISTRY_\w+_(?:TOKEN|PASSWORD)|LOG_TOKEN)")
# Words at the end of a variable's name that leave no doubt. `looks_secret` guesses more, `PWD` and `SSH_AUTH_SOCK`
# among them: right for a warning, but what is replaced in all output must not be a guess.
_CREDENTIAL = re.compile(
    r"(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|API_?KEY|ACCESS_KEY|PRIVATE_KEY|SECRET_KEY|_PSW)\Z",
    re.IGNORECASE,
)


class Secrets:
    """Every secret of a run, in the spellings in which it travels. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: tuple[str, ...] = ()
        self._public = ""

    def add(self, *texts: str) -> None:
        """Know these secrets, plain, as base64 and as part of a URL."""
        spellings = {spelling for text in texts for spelling in _spell(text)}
        if not spellings.issubset(self._spellings):
            with self._lock:
                # Longest first: one secret may be part of another.
                self._spellings = tuple(sorted({*self._spellings, *spellings}, key=len, reverse=True))

    def add_public(self, *texts: str) -> None:
        """Know texts that are printed on purpose, such as image names: a word in them is not a secret to `mask`."""
        with self._lock:
            self._public = "\n".join([self._public, *texts])

    def scrub(self, text: str) -> str:
        """Text of a server, with every known secret replaced by `***`, and without control characters."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        return "".join(character if character.isprintable() else " " for character in text)

    def mask(self, text: str) -> str:
        """Text that is about to be printed or kept, with every known secret replaced by `***`.

        A secret below 8 characters, or of letters only, is replaced where it stands as a word of its own: it may be
        `postgres`, and the text `postgresql`. One that is part of an image's own name is public already, and stays.
        """
        for spelling in self._spellings:
            if spelling in text and spelling not in self._public:
                if len(spelling) >= _LONG and not spelling.isalpha():
                    text = text.replace(spelling, HIDDEN)
                else:
                    text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(spelling)}(?![A-Za-z0-9])", HIDDEN, text)
        return text


def secrets_in(env: Mapping[str, str]) -> Iterable[str]:
    """The values of `env` that are credentials: by their variable's name, or as the password of a URL."""
    for name, value in env.items():
        if len(value) > _LARGEST:
            continue
        if _OURS.fullmatch(name) or (len(value) >= _LONG and _CREDENTIAL.search(name)):
            yield value
            yield value.strip()
        if "@" in value:
            is_bare_proxy = name.lower().endswith("_proxy") and "://" not in value
            yield from passwords_of(f"http://{value}" if is_bare_proxy else value)


def passwords_of(url: str) -> Iterable[str]:
    """The password or token in `url` and the values of its secret parameters, as they stand and decoded."""
    for secret in secrets_of(url):
        yield secret
        yield unquote(secret)


def _spell(text: str) -> set[str]:
    if len(text) < _SHORTEST:
        return set()
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

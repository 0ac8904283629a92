"""The credential of each request to one registry: what the registry asked for, and what the user configured.

A credential is sent only to the registry's own origin and to its token realm.
"""

from __future__ import annotations

from release.errors import Denied
from release.events import Note
from release.registry.auth.bearer import Tokens, basic
from release.registry.auth.challenge import Challenge, choose, parse_challenges, scope
from release.registry.auth.credential import Credential
from release.registry.hosts.call import Call, Ports
from release.registry.hosts.origin import Origin
from release.registry.http.answer import Answer

# A 401 has to say how to log in (RFC 9110, section 15.5.2); a credential is sent only for `Basic` and `Bearer`.
_NO_LOGIN = (
    "the answer names no way to log in that shipmark knows (`Basic`, `Bearer`), so no credential was sent: check the "
    "registry's name, and whether a proxy before it answers"
)


class Authorization:
    """Makes the header `Authorization` for the requests to one registry."""

    def __init__(self, registry: str, origin: Origin, ports: Ports) -> None:
        self._registry = registry
        self._origin = origin
        self._ports = ports
        self._last: Challenge | None = None
        self._wide: set[str] = set()  # repositories that are read with a token for pushing
        self._tokens = Tokens(
            host=registry,
            transport=ports.transport,
            accept=origin.accept_foreign,
            secure=lambda: origin.is_secure,
            secrets=ports.secrets,
            clock=ports.clock.monotonic,
            wall=ports.clock.now,
            notice=lambda text: ports.sink.emit(Note(level="info", text=text)),
        )

    @property
    def challenge(self) -> Challenge | None:
        """The challenge that the registry sent last; None before the first, and where everybody may read."""
        return self._origin.first_challenge if self._last is None else self._last

    def credential(self, subject: str) -> Credential:
        """The credential for a repository; its secret is masked in all output from now on."""
        found = self._ports.credentials.find(self._registry, subject)
        self._ports.secrets.add(found.secret)
        return found

    def header(self, call: Call) -> str | None:
        """The `Authorization` header for a call at our own origin; None before the registry sent a challenge.

        Raises `Denied` if the registry requires a user name and password and none are configured.
        """
        challenge = self.challenge
        if challenge is None:
            return None
        credential = self.credential(call.subject)
        if credential.kind == "bearer":
            self._ports.secrets.add(credential.secret)
            return f"Bearer {credential.secret}"
        if challenge.scheme == "bearer":
            return f"Bearer {self._tokens.get(challenge, self._scopes(call), credential)}"
        if credential.kind == "anonymous":
            raise Denied(
                f"`{self._registry}` requires a user name and password, and none are configured",
                hint=self._ports.credentials.advice(self._registry),
                status=401,
            )
        return basic(credential, self._ports.secrets)

    def renew(self, answer: Answer, call: Call, used: str | None) -> bool:
        """Store the challenge of a 401; returns whether another attempt would use another credential or token.

        `used`: the header that the refused request had.
        """
        challenge = choose(parse_challenges(answer.headers.get("WWW-Authenticate") or ""))
        # Only the registry itself may name a token realm, not a host that it redirected to.
        if challenge is None or not self._origin.owns(answer.url):
            return False
        known, self._last = self.challenge, challenge
        if used is None:
            return True
        if self.credential(call.subject).kind == "bearer":
            return False  # a token that stands in the user's file is the same at the next attempt
        if known is None or known.scheme != challenge.scheme:
            return True
        self._tokens.forget(used.partition(" ")[2])
        return challenge.scheme == "bearer"

    def widen(self, answer: Answer, call: Call) -> bool:
        """After a 401 to a read, ask for a token that may also push from now on. Returns whether that is possible.

        Docker Hub answers 401 for a repository that does not exist, unless the token allows pushing: then 404.
        """
        bearer = self.challenge is not None and self.challenge.scheme == "bearer"
        if not bearer or not self._origin.owns(answer.url) or call.subject in self._wide:
            return False
        known = self.credential(call.subject).kind in ("basic", "identity")
        if not known or scope(call.subject, "pull") not in call.scopes:
            return False
        self._wide.add(call.subject)
        return True

    def hint(self, status: int, call: Call) -> str | None:
        """The hint for a refusal that a credential may have caused: 401 or 403."""
        if status not in (401, 403):
            return None
        if status == 401 and self.challenge is None:
            return _NO_LOGIN
        return self._about_credential(call)

    def _about_credential(self, call: Call) -> str:
        """The hint for a refusal of the credential that was sent, or of none."""
        credential = self.credential(call.subject)
        if credential.kind == "anonymous":
            return self._ports.credentials.advice(self._registry)
        return f"the credential is from {credential.source}: check that it may do this in `{call.subject}`"

    def _scopes(self, call: Call) -> tuple[str, ...]:
        if call.subject not in self._wide:
            return call.scopes
        narrow, wide = scope(call.subject, "pull"), scope(call.subject, "pull", "push")
        return tuple(wide if one == narrow else one for one in call.scopes)

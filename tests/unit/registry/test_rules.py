"""Rules of the registry client: addresses, retries, throttling, pages, hosts, secrets."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.control import Cancel, Deadline
from release.errors import ConfigError, Denied, Interrupted, Invalid, NotFound, RegistryError, Unreachable
from release.registry.hosts.ping import probe
from release.registry.hosts.throttle import Throttle
from release.registry.http.address_policy import Reach, is_loopback_host, may_lead_to, reach_of
from release.registry.http.answer import Answer
from release.registry.http.client import Transport
from release.registry.http.error_body import Refusal, fault_of
from release.registry.http.retry import NO_TLS, TLS_FAULT, Retrier, RetryPolicy, is_transient, retry_after
from release.registry.http.tls import Trust
from release.registry.http.tls_hints import speaks_no_tls, tls_hint
from release.registry.pagination import breaks_off, next_link
from release.secrets.known import Secrets
from tests.support.registries.tls import Authority

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "reach"),
        [
            ("140.82.112.3", Reach.GLOBAL),
            ("2606:50c0:8000::153", Reach.GLOBAL),
            ("10.0.0.1", Reach.PRIVATE),
            ("192.168.1.1", Reach.PRIVATE),
            ("100.64.0.1", Reach.PRIVATE),
            ("fd00::1", Reach.PRIVATE),
            ("127.0.0.1", Reach.LOOPBACK),
            ("127.9.9.9", Reach.LOOPBACK),
            ("::1", Reach.LOOPBACK),
            ("169.254.169.254", Reach.LINK),
            ("fe80::1%eth0", Reach.LINK),
            ("0.0.0.0", Reach.LINK),
            ("::", Reach.LINK),
            ("224.0.0.1", Reach.LINK),
            ("255.255.255.255", Reach.LINK),
            ("::ffff:169.254.169.254", Reach.LINK),
            ("::ffff:127.0.0.1", Reach.LOOPBACK),
            ("64:ff9b::a9fe:a9fe", Reach.LINK),
            ("2002:7f00:1::", Reach.LOOPBACK),
            ("no address", Reach.LINK),
        ],
    )
    def test_ip_address_is_classified_as_global_private_loopback_or_link_local(
        self, address: str, reach: Reach
    ) -> None:
        assert reach_of(address) is reach

    def test_registry_may_redirect_only_to_addresses_at_least_as_public_as_its_own(self) -> None:
        assert may_lead_to(Reach.GLOBAL, Reach.GLOBAL)
        assert not may_lead_to(Reach.GLOBAL, Reach.PRIVATE)
        assert not may_lead_to(Reach.GLOBAL, Reach.LOOPBACK)
        assert may_lead_to(Reach.PRIVATE, Reach.PRIVATE)
        assert may_lead_to(Reach.PRIVATE, Reach.GLOBAL)
        assert not may_lead_to(Reach.PRIVATE, Reach.LOOPBACK)
        assert may_lead_to(Reach.LOOPBACK, Reach.LOOPBACK)
        assert not may_lead_to(Reach.LOOPBACK, Reach.LINK)

    def test_loopback_host_names_are_recognised(self) -> None:
        assert all(
            map(is_loopback_host, ("localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"))
        )
        assert not any(map(is_loopback_host, ("localhost.evil.example", "10.0.0.1", "registry.lan", "")))


class TestTrust:
    def test_plain_http_is_allowed_for_loopback_and_insecure_hosts(self) -> None:
        trust = Trust(env={}, insecure=frozenset({"registry.lan", "other.lan:5000"}))
        assert trust.allows_http("127.0.0.1:5000")
        assert trust.allows_http("registry.lan:5000")
        assert trust.allows_http("other.lan:5000")
        assert not trust.allows_http("other.lan:5001")
        assert not trust.allows_http("ghcr.io")
        assert trust.verifies("127.0.0.1:5000")
        assert not trust.verifies("registry.lan")

    @pytest.mark.parametrize(
        ("without", "host", "used"),
        [
            ("", "ghcr.io", True),
            ("ghcr.io", "ghcr.io", False),
            ("io", "ghcr.io", False),
            (".lan, 10.0.0.0/8", "registry.lan:5000", False),
            ("10.0.0.0/8", "10.1.2.3:5000", False),
            ("hcr.io", "ghcr.io", True),
            ("*", "ghcr.io", False),
            ("registry.lan:5000", "registry.lan:5001", True),
        ],
    )
    def test_https_proxy_is_used_unless_no_proxy_covers_the_host(
        self, without: str, host: str, used: bool
    ) -> None:
        trust = Trust(env={"HTTPS_PROXY": "proxy.lan:3128", "NO_PROXY": without})
        assert trust.proxy("https", host) == ("http://proxy.lan:3128" if used else None)
        assert trust.proxy("http", host) is None


class TestRetries:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("86400", 86400),
            ("Tue, 14 Nov 2023 22:13:30 GMT", 10),
            ("Tue, 14 Nov 2023 22:13:10 GMT", 0),
            ("Tue, 14 Nov 2023 22:13:30 -0000", 10),
            (None, None),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("٣", None),
            ("Tue, 99 Nov 2023 22:13:30 GMT", None),
        ],
    )
    def test_retry_after_header_is_parsed(self, value: str | None, seconds: float | None) -> None:
        assert retry_after(value, NOW) == seconds

    @given(st.text(max_size=60))
    def test_parsing_retry_after_accepts_any_text(self, value: str) -> None:
        found = retry_after(value, NOW)
        assert found is None or found >= 0

    def test_unreachable_errors_are_transient_unless_tls_failed(self) -> None:
        assert is_transient(Unreachable("x", status=503))
        assert is_transient(Unreachable("x"))
        assert not is_transient(Unreachable("x", code=TLS_FAULT))
        assert not is_transient(Unreachable("x", code=NO_TLS))
        assert not is_transient(Denied("x", status=403))

    def test_error_of_the_last_attempt_at_a_request_has_the_number_of_attempts(self) -> None:
        retrier = _retrier(RetryPolicy(attempts=3, base=0.0))
        error = Unreachable("down", status=503, hint="wait")
        retrier.pause(error, 1)
        retrier.pause(error, 2)
        with pytest.raises(Unreachable, match=r"down \(3 attempts\)") as caught:
            retrier.pause(error, 3)
        assert (caught.value.status, caught.value.hint) == (503, "wait")

    def test_later_requests_to_a_host_that_gave_no_answer_are_attempted_once_until_it_answers(self) -> None:
        retrier = _retrier(RetryPolicy(attempts=1))
        silent = Unreachable("no answer")
        with pytest.raises(Unreachable, match="1 attempts"):
            retrier.pause(silent, 1)
        with pytest.raises(Unreachable, match="did not answer before"):
            retrier.pause(silent, 1)
        retrier.heard()
        with pytest.raises(Unreachable, match="1 attempts"):
            retrier.pause(silent, 1)

    def test_retry_after_of_a_day_raises_instead_of_waiting(self) -> None:
        with pytest.raises(Unreachable, match="asks to wait 86400 seconds"):
            _retrier(RetryPolicy()).pause(Unreachable("x", status=429, retry_after=86400), 1)

    def test_retry_pause_past_the_deadline_raises(self) -> None:
        with pytest.raises(Unreachable, match="asks to wait 30 seconds"):
            _retrier(RetryPolicy(), seconds=10).pause(Unreachable("x", status=429, retry_after=30), 1)

    def test_retry_pause_of_a_cancelled_run_raises(self) -> None:
        cancel = Cancel()
        cancel.trip(Interrupted("stop"))
        retrier = Retrier(
            RetryPolicy(),
            cancel=cancel,
            deadline=_deadline(None),
            jitter=lambda: 1.0,
            now=lambda: 100.0,
            tell=len,
        )
        with pytest.raises(Interrupted):
            retrier.pause(Unreachable("x"), 1)


@pytest.mark.parametrize(
    ("code", "reason", "hint"),
    [
        (10, None, "renewed"),
        (9, None, "clock"),
        (62, None, "write the name"),
        (64, None, "write the name"),
        (20, None, "SHIPMARK_CA_FILE"),
        (None, "WRONG_VERSION_NUMBER", "insecure: true"),
        (None, "HTTP_REQUEST", "insecure: true"),
        (None, "TLSV13_ALERT_CERTIFICATE_REQUIRED", "client.key"),
        (None, "TLSV1_ALERT_PROTOCOL_VERSION", "TLS 1.2"),
        (None, "TLSV1_ALERT_INTERNAL_ERROR", "None"),
    ],
)
def test_hint_about_tls_fits_the_error_of_the_certificate_or_the_handshake(
    code: int | None, reason: str | None, hint: str
) -> None:
    error: ssl.SSLError
    if code is not None:
        error = verification = ssl.SSLCertVerificationError(1, "x")
        verification.verify_code = code
    else:
        error = ssl.SSLError(1, "x")
        error.reason = str(reason)
    assert hint in str(tls_hint(error))
    assert speaks_no_tls(error) is (hint == "insecure: true")


class TestGate:
    def test_throttle_halves_after_429_and_recovers_after_successes(self) -> None:
        time = [10.0]
        gate = Throttle(most=8, cancel=Cancel(), now=lambda: time[0])
        with gate.slot(), gate.slot(), gate.slot(), gate.slot():
            gate.was_throttled(0.0, most=300.0)
            gate.was_throttled(0.0, most=300.0)  # the same burst
        assert gate.limit == 2
        time[0] += 5
        gate.was_throttled(0.0, most=300.0)
        assert gate.limit == 1
        for _ in range(60):
            gate.went_well()
        assert gate.limit == 8

    def test_throttle_sends_nothing_during_retry_after(self) -> None:
        time = [10.0]
        gate = Throttle(most=8, cancel=Cancel(), now=lambda: time[0])
        gate.was_throttled(5.0, most=300.0)
        entered = threading.Event()

        def enter() -> None:
            with gate.slot():
                entered.set()

        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.05)
        time[0] += 6
        assert entered.wait(3)
        thread.join()

    def test_throttle_keeps_no_wait_that_is_too_long_to_be_kept_at_all(self) -> None:
        gate = Throttle(most=8, cancel=Cancel(), now=lambda: 10.0)
        gate.was_throttled(301.0, most=300.0)
        assert gate.enter(wait=False)
        gate.leave()
        assert gate.limit == 1

    def test_cancellation_ends_waiting_for_a_throttle_slot(self) -> None:
        cancel = Cancel()
        gate = Throttle(most=1, cancel=cancel, now=lambda: 10.0)
        gate.was_throttled(1000.0, most=1000.0)
        cancel.trip(Interrupted("stop"))
        with pytest.raises(Interrupted), gate.slot():
            pass


class TestPages:
    @pytest.mark.parametrize(
        ("header", "target"),
        [
            ('</v2/a/tags/list?last=b&n=1000>; rel="next"', "/v2/a/tags/list?last=b&n=1000"),
            ("</x>; rel=next", "/x"),
            ("</x>; rel='next'", "/x"),
            ('< /x >; rel="next"', "/x"),
            ('</x>;REL="prev next"', "/x"),
            ('</p>; rel="prev", </n>; title="a;b"; rel="next"', "/n"),
            ('</x>; rel="prev"', None),
            ("</v2/a/tags/list?last=b>", "/v2/a/tags/list?last=b"),
            ('</x>; title="more"', "/x"),
            ('</x>; rel="last", </y>', None),
            ("</x>; rel*=UTF-8''prev", None),
            ("", None),
            (None, None),
            ("nonsense", None),
            ("<<>>;;;rel=next<", None),
        ],
    )
    def test_target_of_the_next_page_is_found_in_the_link_header(
        self, header: str | None, target: str | None
    ) -> None:
        assert next_link(header) == target

    @pytest.mark.parametrize(
        ("header", "says"),
        [
            ('/x; rel="next"', True),
            ("<a b>; Rel = prev next", True),
            ("<" + "x" * 20_000, True),
            ('</x>; rel="prev"', False),
            ('</next>; rel="prev"', False),
            (None, False),
        ],
    )
    def test_link_header_that_cannot_be_read_is_known_to_speak_of_a_next_page(
        self, header: str | None, says: bool
    ) -> None:
        assert next_link(header) is None
        assert breaks_off(header) is says

    @given(st.text(max_size=200) | st.text(alphabet='<>;, rel="next/', max_size=80))
    def test_next_link_accepts_any_header(self, header: str) -> None:
        next_link(header)
        breaks_off(header)


class TestSecrets:
    def test_scrub_masks_a_secret_in_url_encoded_and_base64_form(self) -> None:
        secrets = Secrets()
        secrets.add("p@ss/word+1")
        for text in ("p@ss/word+1", "p%40ss%2Fword%2B1", "cEBzcy93b3JkKzE=", "cEBzcy93b3JkKzE"):
            assert "ss" not in secrets.scrub(f"<{text}>")
            assert secrets.scrub(f"<{text}>").startswith("<***")

    def test_scrub_removes_control_characters(self) -> None:
        assert Secrets().scrub("a\x1b[1m\r\nb\u202e") == "a [1m  b "


def _deadline(seconds: float | None) -> Deadline:
    return Deadline(seconds, now=lambda: 100.0)


def _retrier(policy: RetryPolicy, seconds: float | None = None) -> Retrier:
    return Retrier(
        policy,
        cancel=Cancel(),
        deadline=_deadline(seconds),
        jitter=lambda: 0.0,
        now=lambda: 100.0,
        tell=len,
    )


def test_unreachable_is_a_registry_error() -> None:
    assert issubclass(Unreachable, RegistryError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Denied),
        (403, Denied),
        (404, NotFound),
        (409, Invalid),
        (429, Unreachable),
        (501, Invalid),
        (503, Unreachable),
    ],
)
def test_class_of_a_registry_error_follows_the_http_status(status: int, kind: type[RegistryError]) -> None:
    assert type(fault_of(status, Refusal(), what="asking", host="registry.test", hint="")) is kind


@pytest.mark.parametrize("prefer_tls", [False, True])
@pytest.mark.parametrize(
    ("plain", "secure", "told"),
    [
        ("reset", NO_TLS, "reset"),  # a plain http server that was cut off once: the next attempt may succeed
        ("reset", TLS_FAULT, TLS_FAULT),
    ],
)
def test_error_of_a_probe_is_that_of_the_scheme_that_the_host_speaks(
    plain: str, secure: str, told: str, prefer_tls: bool
) -> None:
    class Failing(Transport):
        def __init__(self) -> None:
            pass

        def send(self, method: str, url: str, **_: Any) -> Answer:
            code = secure if url.startswith("https:") else plain
            raise Unreachable(f"{method} {url}", code=code)

    with pytest.raises(Unreachable) as caught:
        probe(Failing(), "127.0.0.1:5000", prefer_tls=prefer_tls)
    assert caught.value.code == told


def test_error_of_unreadable_authorities_names_the_file_that_cannot_be_read(tmp_path: Path) -> None:
    env = {"SSL_CERT_FILE": str(Authority(tmp_path).path)}
    with pytest.raises(ConfigError, match=r"none\.pem` cannot be read"):
        Trust(env=env, ca=str(tmp_path / "none.pem")).context("ghcr.io")
    with pytest.raises(ConfigError, match=r"none\.pem` cannot be read"):
        Trust(env={"SSL_CERT_FILE": "none.pem"}, ca=env["SSL_CERT_FILE"]).context("ghcr.io")

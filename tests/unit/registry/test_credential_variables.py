"""Credential variables: each names one host; an old spelling counts only if no other host could claim it."""

from __future__ import annotations

import re
from typing import ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.oci.reference import Reference
from release.registry.credential_variables import Variables, old_prefix_of, prefix_of

LABEL = st.from_regex(r"[a-z0-9](?:[a-z0-9_-]{0,6}[a-z0-9])?", fullmatch=True)
PORT = st.just("") | st.integers(1, 65535).map(":{}".format)
HOST = st.builds("{}{}".format, st.lists(LABEL, min_size=1, max_size=4).map(".".join), PORT) | st.builds(
    "[{}]{}".format, st.ip_addresses(v=6), PORT
)


def variables(env: dict[str, str], *hosts: str) -> tuple[Variables, list[str]]:
    said: list[str] = []
    return Variables(env, hosts=lambda: hosts, notice=said.append), said


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("ghcr.io", "GHCR_IO"),
        ("docker.io", "DOCKER_IO"),
        ("registry.example.com", "REGISTRY_EXAMPLE_COM"),
        ("registry-example.com", "REGISTRY__EXAMPLE_COM"),
        ("registry.example.com:5000", "REGISTRY_EXAMPLE_COM___5000"),
        ("europe-docker.pkg.dev", "EUROPE__DOCKER_PKG_DEV"),
        ("xn--bcher-kva.example", "XN____BCHER__KVA_EXAMPLE"),
        ("my_registry:5000", "MYuREGISTRY___5000"),
    ],
)
def test_credential_variable_prefix_is_derived_from_the_host(host: str, prefix: str) -> None:
    assert prefix_of(host) == f"SHIPMARK_REGISTRY_{prefix}"


class TestOneHost:
    @given(one=HOST, other=HOST)
    def test_different_hosts_have_different_credential_variable_prefixes(self, one: str, other: str) -> None:
        for host in (one, other):
            try:
                Reference.parse(f"{host}/acme/app")
            except ConfigError:
                assume(False)
        assume(one.lower() != other.lower())
        assert prefix_of(one) != prefix_of(other)

    @given(host=HOST)
    def test_credential_variable_prefix_is_a_valid_shell_name(self, host: str) -> None:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix_of(host))

    def test_credential_variable_is_not_used_for_a_similar_host(self) -> None:
        env = {"SHIPMARK_REGISTRY_REGISTRY__EXAMPLE_COM_TOKEN": "s3cr3t"}
        found, said = variables(env, "registry.example.com", "registry-example.com")
        assert found.find("registry.example.com") is None
        assert found.find("registry-example.com:5000") is None
        one = found.find("registry-example.com")
        assert (one and one.secret, said) == ("s3cr3t", [])


class TestOldSpelling:
    ENV: ClassVar = {"SHIPMARK_REGISTRY_REGISTRY_EXAMPLE_COM_TOKEN": "s3cr3t"}

    def test_old_spelling_of_a_credential_variable_is_used_with_one_warning(self) -> None:
        found, said = variables(self.ENV, "registry-example.com", "ghcr.io")
        for _ in range(2):
            one = found.find("registry-example.com")
            assert one is not None
            assert one.secret == "s3cr3t"
        (text,) = said
        assert text == (
            "`SHIPMARK_REGISTRY_REGISTRY_EXAMPLE_COM_TOKEN` is an old spelling, which other hosts share: rename it to "
            "`SHIPMARK_REGISTRY_REGISTRY__EXAMPLE_COM_TOKEN`"
        )

    def test_old_spelling_of_a_credential_variable_is_not_used_if_it_names_another_host(self) -> None:
        found, said = variables(self.ENV, "registry-example.com", "registry.example.com")
        assert found.find("registry-example.com") is None
        assert found.find("registry.example.com") is not None
        (text,) = said
        assert text == (
            "`SHIPMARK_REGISTRY_REGISTRY_EXAMPLE_COM_TOKEN` belongs to `registry.example.com` and is not used for "
            "`registry-example.com`, whose variable is `SHIPMARK_REGISTRY_REGISTRY__EXAMPLE_COM_TOKEN`"
        )

    def test_old_spelling_of_a_credential_variable_that_two_hosts_could_claim_is_refused(self) -> None:
        env = {"SHIPMARK_REGISTRY_A_B_IO_5000_PASSWORD": "s3cr3t"}
        found, _ = variables(env, "a-b.io:5000", "a.b.io:5000")
        with pytest.raises(ConfigError, match=r"meant for `a-b\.io:5000` and for `a\.b\.io:5000`") as caught:
            found.find("a-b.io:5000")
        assert "`SHIPMARK_REGISTRY_A__B_IO___5000_PASSWORD`" in str(caught.value.hint)
        assert "s3cr3t" not in f"{caught.value} {caught.value.hint}"

    def test_new_spelling_of_a_credential_variable_precedes_the_old_without_a_warning(self) -> None:
        env = {
            "SHIPMARK_REGISTRY_LOCALHOST_5000_TOKEN": "old",
            "SHIPMARK_REGISTRY_LOCALHOST___5000_TOKEN": "new",
        }
        found, said = variables(env)
        one = found.find("localhost:5000")
        assert (one and one.secret, said) == ("new", [])

    def test_values_are_read_without_the_line_break_that_a_file_leaves(self) -> None:
        prefix = prefix_of("ghcr.io")
        env = {f"{prefix}_TOKEN": "\n", f"{prefix}_PASSWORD": "secret\n", f"{prefix}_USERNAME": " robot\n"}
        found, _ = variables(env)
        one = found.find("ghcr.io")
        assert one is not None
        assert (one.name, one.secret, one.username) == (f"{prefix}_PASSWORD", "secret", "robot")

    def test_user_name_without_a_secret_is_a_warning(self) -> None:
        found, said = variables(
            {"SHIPMARK_REGISTRY_GHCR_IO_USERNAME": "robot", "SHIPMARK_REGISTRY_GHCR_IO_TOKEN": ""}
        )
        assert (found.find("ghcr.io"), found.find("ghcr.io")) == (None, None)
        (warning,) = said
        assert warning.startswith("`SHIPMARK_REGISTRY_GHCR_IO_USERNAME` is not used")

    def test_user_name_variable_is_read_in_the_spelling_of_the_secrets_variable(self) -> None:
        env = {"SHIPMARK_REGISTRY_A_B_IO_TOKEN": "x", "SHIPMARK_REGISTRY_A__B_IO_USERNAME": "other"}
        one = variables(env)[0].find("a-b.io")
        assert one is not None
        assert one.username == ""

    @pytest.mark.parametrize("host", ["ghcr.io", "docker.io", "localhost"])
    def test_credential_variable_of_a_host_without_dash_and_port_has_only_one_spelling(
        self, host: str
    ) -> None:
        assert prefix_of(host) == old_prefix_of(host)

    def test_text_form_of_a_found_variable_hides_the_secret(self) -> None:
        one = variables(self.ENV)[0].find("registry.example.com")
        assert "s3cr3t" not in f"{one} {one!r}"

"""`ONBUILD` of a base image, which a stranger may have written."""

from __future__ import annotations

import pytest

from release.build.dockerfile.instructions import Copy, OnBuild
from release.build.dockerfile.parser import parse
from release.build.embedded.base_config import read_triggers, trigger_text
from release.errors import BuildError
from release.limits import DOCKERFILE_INSTRUCTIONS

DOCKERFILE = parse("FROM base\n", "Dockerfile")


def test_triggers_of_a_base_are_read_as_instructions_at_the_line_of_its_from() -> None:
    found = read_triggers(("COPY a /b", "ENV X=1"), DOCKERFILE, 7)
    assert [(each.text, each.line) for each in found] == [("COPY a /b", 7), ("ENV X=1", 7)]


def test_base_with_more_triggers_than_a_dockerfile_may_have_instructions_is_refused() -> None:
    triggers = ("ENV X=1",) * (DOCKERFILE_INSTRUCTIONS + 1)
    with pytest.raises(BuildError, match="Dockerfile:7: the base has more than 10000 instructions"):
        read_triggers(triggers, DOCKERFILE, 7)


@pytest.mark.parametrize(
    "trigger", ["COPY --chown=web:web a /b", "VOLUME $DATA", "EXPOSE $PORT", "WORKDIR $HOME"]
)
def test_a_trigger_may_need_accounts_and_variables_of_its_base(trigger: str) -> None:
    assert [each.text for each in read_triggers((trigger,), DOCKERFILE, 7)] == [trigger]


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        ("RUN a", "the builder `layers` does not support `RUN`"),
        ("COPY --from=0 a /b", "does not support `ONBUILD COPY --from`"),
        ("COPY --chmod=abc a /b", "`--chmod=abc` is not a mode"),
    ],
)
def test_a_trigger_that_cannot_be_executed_is_refused_with_its_text_and_the_line_of_from(
    trigger: str, message: str
) -> None:
    with pytest.raises(BuildError) as caught:
        read_triggers((trigger,), DOCKERFILE, 7)
    assert caught.value.message.startswith(f"Dockerfile:7: `ONBUILD {trigger}` of the base: ")
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("ONBUILD COPY  a \\\n  /b", "COPY  a   /b"),
        ("onbuild\tCOPY a /b", "COPY a /b"),
        (
            "ONBUILD COPY <<one <<'two' /b/\n$A\none\n\ttext\ntwo",
            "COPY <<one <<'two' /b/\n$A\none\n\ttext\ntwo",
        ),
        ("ONBUILD RUN <<EOF\nmake\nEOF", "RUN <<EOF\nmake\nEOF"),
    ],
)
def test_a_trigger_is_kept_with_its_here_documents(written: str, kept: str) -> None:
    (instruction,) = parse(f"FROM scratch\n{written}\n", "Dockerfile").stages[0].instructions
    assert isinstance(instruction, OnBuild)
    assert trigger_text(instruction) == kept


def test_here_documents_of_a_kept_trigger_are_read_again() -> None:
    (found,) = read_triggers(("COPY <<one <<two /b/\n$A\none\ntwo",), DOCKERFILE, 7)
    assert isinstance(found, Copy)
    assert [(each.name, each.body) for each in found.heredocs] == [("one", "$A\n"), ("two", "")]

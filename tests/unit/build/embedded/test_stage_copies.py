"""COPY and ADD in stages of the builder `layers`: what lands where, with which owner, mode and kind."""

from __future__ import annotations

import pytest

from release.compression.entries import Inline, Node
from tests.support.stages import CONTEXT, build, file, folder, link, paths, refusal


class TestCopy:
    @pytest.mark.parametrize(
        ("operands", "expected"),
        [
            ("app /", ["app"]),
            ("app /bin/", ["bin", "bin/app"]),
            ("app /bin/tool", ["bin", "bin/tool"]),
            ("/app bin", ["bin"]),
            ("./app .", ["app"]),
            ("conf /etc", ["etc", "etc/a.ini", "etc/b.ini", "etc/deep", "etc/deep/c"]),
            ("conf/ /etc/", ["etc", "etc/a.ini", "etc/b.ini", "etc/deep", "etc/deep/c"]),
            ("conf/*.ini /", ["a.ini", "b.ini"]),
            ("conf/[b-z].ini /", ["b.ini"]),
            ("app README.md /x/", ["x", "x/README.md", "x/app"]),
            ("conf/deep conf/a.ini /x/", ["x", "x/a.ini", "x/c"]),
            ("shortcut /", ["shortcut"]),
            ("app *.lock /", ["app"]),
            ('["app", "/a b"]', ["a b"]),
            ("--chmod=$NOTHING app $NOTHING", ["app"]),
            ("app README.md /x", ["x"]),  # the last one, as with BuildKit
        ],
    )
    def test_copy_puts_sources_where_the_dockerfile_reference_says(
        self, operands: str, expected: list[str]
    ) -> None:
        assert paths(build(f"FROM scratch\nCOPY {operands}")) == expected

    @pytest.mark.parametrize(
        ("operands", "expected"),
        [
            ("conf /c", {}),
            ("--chown=5:6 conf /c", {"c/deep": (0o755, 5, 6)}),
            ("--chmod=0700 conf /c", {"c/deep": (0o700, 0, 0)}),
            ("--chmod=g+s --chown=5 conf/ /c/", {"c/deep": (0o2755, 5, 5)}),
            ("--parents --chown=5 --chmod=0700 conf/./deep /c", {"c/deep": (0o700, 5, 5)}),
            ("--parents --chown=5 --chmod=0700 conf/./deep/c /c", {}),
            (
                "--parents --chown=5 --chmod=0700 conf/**/* /d",
                dict.fromkeys(("d", "d/conf", "d/conf/deep"), (0o700, 5, 5)),
            ),
            (
                "--parents --chown=5 --chmod=0700 conf/./deep/c conf/./deep /d",
                {"d": (0o700, 5, 5), "d/deep": (0o700, 5, 5)},
            ),
            (
                "--parents --chown=5 --chmod=0700 conf/./deep conf/./deep/c /d",
                {"d": (0o700, 5, 5), "d/deep": (0o755, 5, 5)},
            ),
        ],
    )
    def test_a_folder_that_the_image_has_gets_owner_and_mode_of_the_copied_one_if_they_differ(
        self, operands: str, expected: dict[str, tuple[int, int, int]]
    ) -> None:
        layer = build(f"FROM scratch\nCOPY conf /c\nCOPY {operands}\n").layers[-1]
        found = {path: (node.mode, node.uid, node.gid) for path, node in layer if node.kind == "dir"}
        assert found == expected

    @pytest.mark.parametrize(
        ("operands", "expected"),
        [
            ("--exclude=*.ini conf /c", ["c", "c/deep", "c/deep/c"]),
            ("--exclude=deep conf /c", ["c", "c/a.ini", "c/b.ini"]),
            ("--exclude=*.ini --exclude=deep/* conf /c", ["c", "c/deep"]),
            ("--exclude=**/c --exclude=$NOTHING conf /c", ["c", "c/a.ini", "c/b.ini", "c/deep"]),
            ("--exclude=*.md app README.md /x/", ["x", "x/README.md", "x/app"]),  # as BuildKit does
            ("--exclude=* conf /c", ["c"]),
        ],
    )
    def test_copy_with_exclude_leaves_out_paths_below_each_source(
        self, operands: str, expected: list[str]
    ) -> None:
        assert paths(build(f"FROM scratch\nCOPY {operands}")) == expected

    @pytest.mark.parametrize(
        ("operands", "expected"),
        [
            ("--parents conf/deep/c app /x/", ["x", "x/app", "x/conf", "x/conf/deep", "x/conf/deep/c"]),
            ("--parents conf/./deep/c /x", ["x", "x/deep", "x/deep/c"]),
            ("--parents conf/*.ini /", ["conf", "conf/a.ini", "conf/b.ini"]),
            ("--parents conf/**/c /", ["conf", "conf/deep", "conf/deep/c"]),
            ("--parents conf/deep /", ["conf", "conf/deep", "conf/deep/c"]),
            ("--parents=false conf/a.ini /x/", ["x", "x/a.ini"]),
            ("--parents --exclude=**/*.ini conf /", ["conf", "conf/deep", "conf/deep/c"]),
            ("--parents --exclude=deep/c conf/./deep /", ["deep"]),
            ("--parents --exclude=*.ini conf/a.ini conf/./b.ini /", ["conf", "conf/a.ini"]),
            ("--parents --exclude=**/*.ini conf/*.ini app /", ["app"]),  # no empty `conf`, as BuildKit does
            ("--parents --exclude=conf/deep conf/de* app /", ["app"]),
            ("--parents --exclude=/app app /", ["app"]),
        ],
    )
    def test_copy_with_parents_keeps_the_parent_folders_of_each_source(
        self, operands: str, expected: list[str]
    ) -> None:
        assert paths(build(f"FROM scratch\nCOPY {operands}")) == expected

    def test_copy_with_parents_keeps_modes_and_links_of_another_stage(self) -> None:
        context = {
            "t": Node(kind="dir", mode=0o1777),
            "t/d": Node(kind="dir", mode=0o700, uid=3),
            "t/d/x": file(),
            "t/d/l": link("x"),
        }
        text = "FROM scratch AS one\nCOPY . /\nFROM scratch\nCOPY --from=one --parents /./t/d/* /\n"
        layer = dict(build(text, context=context).layers[0])
        assert (layer["t"].mode, layer["t/d"].mode, layer["t/d"].uid) == (0o1777, 0o700, 3)
        assert layer["t/d/l"] == link("x")

    def test_copy_with_parents_refuses_a_missing_file(self) -> None:
        assert str(refusal("FROM scratch\nCOPY --parents conf/none /")) == (
            "Dockerfile:2: the context has no `conf/none`"
        )

    def test_symbolic_chmod_of_copy_changes_files_and_folders_by_their_kind(self) -> None:
        context = {"d": folder(), "d/app": file(mode=0o755), "d/e": folder(), "d/x": file()}
        layer = dict(build("FROM scratch\nCOPY --chmod=u=rwX,go= d /d", context=context).layers[0])
        assert (layer["d/app"].mode, layer["d/x"].mode, layer["d/e"].mode) == (0o700, 0o600, 0o700)

    def test_octal_chmod_of_copy_applies_to_new_parent_folders_too(self) -> None:
        layer = dict(build("FROM scratch\nCOPY --chmod=0700 conf/deep /x/y").layers[0])
        assert (layer["x"].mode, layer["x/y"].mode, layer["x/y/c"].mode) == (0o700, 0o700, 0o700)

    def test_copy_with_link_refuses_an_account_name_in_chown(self) -> None:
        error = refusal("FROM scratch\nCOPY etc /etc\nCOPY --link --chown=web app /")
        assert str(error).startswith("Dockerfile:3: `--chown=web` names an account, which `--link` does not")
        assert build("FROM scratch\nCOPY --link --chown=1:2 app /").layers[0][0][1].gid == 2
        assert build("FROM scratch\nCOPY --link --chown=:root app /").layers[0][0][1].gid == 0

    def test_copy_with_link_gives_its_owner_to_folders_of_the_image(self) -> None:
        text = "FROM scratch\nCOPY app /a/b/\nCOPY {} --chown=5:6 etc/passwd /a/b/passwd"
        linked, plain = (dict(build(text.format(flag)).layers[1]) for flag in ("--link", "--link=false"))
        assert {path: (node.uid, node.gid) for path, node in linked.items()} == dict.fromkeys(
            ("a", "a/b", "a/b/passwd"), (5, 6)
        )
        assert list(plain) == ["a/b/passwd"]
        assert list(dict(build(text.format("--link --chmod=600")).layers[1])) == [
            "a/b/passwd"
        ]  # as in BuildKit

    def test_copy_with_link_resets_the_mode_of_folders_that_its_source_has_too(self) -> None:
        context = {
            "r": folder(),
            "r/tmp": folder(0o777),
            "src": folder(),
            "src/tmp": folder(0o700),
            "src/tmp/x": file(),
        }
        image = build("FROM scratch\nCOPY r /\nCOPY --link src /", context=context)
        assert dict(image.layers[1])["tmp"].mode == 0o700
        assert image.tree.get("tmp") == folder(0o700)

    def test_copy_with_link_of_a_folder_where_the_image_has_a_symlink_is_refused(self) -> None:
        context = {
            "r": folder(),
            "r/usr": folder(),
            "r/bin": link("usr"),
            "src": folder(),
            "src/bin": folder(),
            "src/bin/app": file(),
        }
        error = refusal("FROM scratch\nCOPY r /\nCOPY --link src /", context=context)
        assert str(error) == "Dockerfile:3: `--link` to `/bin` leads through a symlink to `/usr`"

    def test_copy_with_link_refuses_a_destination_behind_a_symlink(self) -> None:
        context = {"r": folder(), "r/usr": folder(), "r/bin": link("usr"), "app": file()}
        error = refusal("FROM scratch\nCOPY r /\nCOPY --link app /bin/app", context=context)
        assert str(error) == "Dockerfile:3: `--link` to `/bin/app` leads through a symlink to `/usr/app`"
        build("FROM scratch\nCOPY r /\nCOPY --link=false app /bin/app", context=context)

    def test_a_copy_source_that_is_a_symlink_is_replaced_by_its_target(self) -> None:
        ((_, node),) = build("FROM scratch\nCOPY shortcut /").layers[0]
        assert node.content == Inline(data=b"a")

    def test_symlinks_inside_a_copied_folder_stay_symlinks(self) -> None:
        context = {"d": folder(), "d/real": file(), "d/alias": link("real")}
        image = build("FROM scratch\nCOPY d /", context=context)
        assert dict(image.layers[0])["alias"] == link("real")

    def test_a_relative_destination_is_below_the_working_directory(self) -> None:
        image = build("FROM scratch\nWORKDIR /srv\nWORKDIR web\nCOPY app .\nCOPY app sub/")
        assert image.config.working_dir == "/srv/web"
        assert [paths(image, layer) for layer in range(4)] == [
            ["srv"],
            ["srv/web"],
            ["srv/web/app"],
            ["srv/web/sub", "srv/web/sub/app"],
        ]

    def test_an_existing_folder_is_not_in_the_layer_again(self) -> None:
        image = build("FROM scratch\nCOPY conf /etc\nCOPY --chown=5 app /etc/")
        assert paths(image) == ["etc/app"]

    def test_copying_into_an_existing_folder_needs_no_slash(self) -> None:
        assert paths(build("FROM scratch\nWORKDIR /bin\nWORKDIR /\nCOPY app /bin")) == ["bin/app"]

    def test_copy_to_a_destination_behind_a_symlink_puts_files_at_its_target(self) -> None:
        context = {
            **CONTEXT,
            "root": folder(),
            "root/run": folder(),
            "root/var": folder(),
            "root/var/run": link("/run"),
        }
        image = build(
            "FROM scratch\nCOPY root /\nCOPY app /var/run/tool/app\nCOPY conf /var/run", context=context
        )
        assert paths(image, 1) == ["run/tool", "run/tool/app"]
        assert paths(image, 2) == ["run/a.ini", "run/b.ini", "run/deep", "run/deep/c"]

    def test_files_behind_a_symlink_that_the_same_copy_replaces_go_to_its_new_target(self) -> None:
        context = {
            "root": folder(),
            "root/lib": link("old"),
            **{name: folder() for name in ("a", "a/lib", "b", "c", "c/lib")},
            "a/lib/x": file("1"),
            "b/lib": link("new"),
            "c/lib/y": file("2"),
        }
        image = build("FROM scratch\nCOPY root /\nWORKDIR /old\nWORKDIR /new\nCOPY a b c /", context=context)
        assert paths(image, -1) == ["lib", "new/y", "old/x"]

    def test_a_layer_contains_each_path_once_from_the_last_source(self) -> None:
        context = {"a": folder(), "a/x": file("1"), "b": folder(), "b/x": file("2")}
        image = build("FROM scratch\nCOPY a b /d/", context=context)
        assert paths(image) == ["d", "d/x"]
        assert dict(image.layers[0])["d/x"] == file("2")

    def test_chown_and_chmod_apply_to_all_new_files_and_folders(self) -> None:
        image = build("FROM scratch\nARG ID=7\nCOPY --chown=$ID:8 --chmod=4750 app /opt/bin/")
        assert [(path, node.uid, node.gid, oct(node.mode)) for path, node in image.layers[0]] == [
            ("opt", 7, 8, "0o750"),
            ("opt/bin", 7, 8, "0o750"),
            ("opt/bin/app", 7, 8, "0o4750"),
        ]

    @pytest.mark.parametrize(
        ("owner", "expected"),
        [
            ("7", (7, 7)),
            ("7:", (7, 7)),
            ("web:", (33, 44)),
            (":www", (0, 55)),
            (":", (0, 0)),
            ("web", (33, 44)),
            ("web:www", (33, 55)),
            ("0:www", (0, 55)),
            ("root", (0, 0)),
        ],
    )
    def test_chown_takes_numbers_or_names_in_the_image(
        self, owner: str, expected: tuple[int, int] | None
    ) -> None:
        text = f"FROM scratch\nCOPY etc /etc\nCOPY --chown={owner} app /"
        if expected is None:
            assert refusal(text).hint == "write numbers, like `--chown=65532:65532`"
        else:
            ((_, node),) = build(text).layers[-1]
            assert (node.uid, node.gid) == expected

    def test_a_later_stage_copies_files_of_an_earlier_stage_with_owner_and_mode(self) -> None:
        image = build(
            "FROM scratch AS one\nCOPY --chown=5 --chmod=700 app /bin/\nFROM scratch\nCOPY --from=one /bin /b"
        )
        assert [(path, node.uid, node.mode) for path, node in image.layers[0]] == [
            ("b", 0, 0o755),
            ("b/app", 5, 0o700),
        ]

    def test_copy_from_accepts_the_number_of_a_stage(self) -> None:
        assert paths(build("FROM scratch\nCOPY app /\nFROM scratch\nCOPY --from=0 app /x")) == ["x"]

    def test_a_heredoc_becomes_a_file_with_variables_replaced_unless_its_name_is_quoted(self) -> None:
        image = build("FROM scratch\nENV A=1\nCOPY <<one <<'two' /etc/\n$A\none\n$A\ntwo\n")
        contents = {path: node.content for path, node in image.layers[0] if node.content}
        assert contents == {"etc/one": Inline(data=b"1\n"), "etc/two": Inline(data=b"$A\n")}

    @pytest.mark.parametrize(
        ("operands", "expected"),
        [
            ("<<EOF app /x", {"x": b"hi\n"}),
            ("app <<EOF /x", {"x": b"hi\n"}),
            ("--parents <<EOF /etc/x", {"etc/x": b"hi\n"}),
            ("--parents <<EOF /etc/", {"etc/EOF": b"hi\n"}),
            ("--parents --exclude=EOF <<EOF /x", {"x": b"hi\n"}),
        ],
    )
    def test_heredocs_are_copied_last_and_have_no_path_for_parents_to_keep(
        self, operands: str, expected: dict[str, bytes]
    ) -> None:
        image = build(f"FROM scratch\nCOPY {operands}\nhi\nEOF\n")
        found = {path: node.content for path, node in image.layers[0] if node.kind != "dir"}
        assert found == {path: Inline(data=data) for path, data in expected.items()}

    @pytest.mark.parametrize(
        ("instruction", "expected"),
        [
            ("WORKDIR /c/deep/new/er", {"new": (0o2755, 0, 6), "new/er": (0o2755, 0, 6)}),
            ("USER 9:9\nWORKDIR /c/deep/new", {"new": (0o2755, 9, 9)}),
            ("COPY app /c/deep/new/", {"new": (0o2755, 0, 6)}),
            ("COPY --chown=9:9 --chmod=700 app /c/deep/new/", {"new": (0o2700, 9, 9)}),
            ("COPY --link app /c/deep/new/", {"new": (0o755, 0, 0)}),
        ],
    )
    def test_a_new_folder_in_one_with_the_set_group_id_bit_inherits_bit_and_group(
        self, instruction: str, expected: dict[str, tuple[int, int, int]]
    ) -> None:
        text = f"FROM scratch\nCOPY --chmod=g+s --chown=5:6 conf/ /c/\n{instruction}\n"
        layer = build(text).layers[-1]
        found = {path: (node.mode, node.uid, node.gid) for path, node in layer if "new" in path}
        assert {path: each for path, each in found.items() if not path.endswith("app")} == {
            f"c/deep/{path}": each for path, each in expected.items()
        }

    def test_a_heredoc_may_be_copied_to_another_name(self) -> None:
        assert paths(build("FROM scratch\nCOPY <<EOF /x.txt\nhi\nEOF\n")) == ["x.txt"]

    @pytest.mark.parametrize(
        ("operands", "message"),
        [
            ("nothing /", "the context has no `nothing`"),
            ("*.zip /", "nothing in the context matches `*.zip`"),
            ("*.zip *.lock /", "nothing in the context matches `*.zip`, `*.lock`"),
            ("../x /", "the context has no `x`"),
            ("conf/../../x /", "the context has no `x`"),
            ("abroad /", "the context has no `abroad`"),
            ("absolute /", "the context has no `absolute`"),
            ("abroad/x /", "the context has no `abroad/x`"),
            ("loop /", "the symlink `loop` leads in a circle"),
            ("pipe /", "`pipe` is a device, pipe or socket, which an image cannot hold"),
            ("[a /", "`[a` is not a pattern: a bracket is not closed within its path component"),
            (
                "$NOTHING /",
                "the builder `layers` does not support the empty source `$NOTHING` of `COPY`",
            ),
            ("--chmod=abc app /", "`--chmod=abc` is not a mode: `COPY --chmod=abc app /`"),
            (
                "--chown=nobody app /",
                (
                    "`--chown` names `nobody`, and the image has no `/etc/passwd` or `/etc/group`: "
                    "`COPY --chown=nobody app /`"
                ),
            ),
        ],
    )
    def test_an_invalid_copy_is_refused_with_its_line(self, operands: str, message: str) -> None:
        error = refusal(f"FROM scratch\nUSER 1\nCOPY {operands}")
        assert str(error) == f"Dockerfile:3: {message}"

    def test_several_sources_go_into_a_folder_that_exists_or_that_the_first_of_them_makes(self) -> None:
        image = build(
            "FROM scratch\nCOPY conf /x\nCOPY app README.md /x\nCOPY conf app /y\nWORKDIR /z\nCOPY app README.md .\n"
        )
        new = [[path for path, node in layer if node.kind == "file"] for layer in image.layers]
        assert new[1] == ["x/README.md", "x/app"]
        assert {"y/app", "y/deep/c"} <= set(new[2])
        assert new[-1] == ["z/README.md", "z/app"]

    def test_copy_of_a_file_with_link_does_not_replace_a_folder_as_buildkit_would(self) -> None:
        error = refusal("FROM scratch\nCOPY conf /x\nCOPY --link app /x\n")
        assert str(error) == "Dockerfile:3: `/x` is a folder in the image, but `app` is not a folder"
        assert error.hint == "copy to another name, or into it: `/x/`"
        text = "FROM scratch\nCOPY conf /x\nCOPY --link app /x/\nCOPY --link conf app /y\n"
        assert "y/app" in dict(build(text).layers[-1])

    def test_sources_that_are_symlinks_lead_somewhere_inside_of_the_context(self) -> None:
        context = {
            "d": folder(),
            "d/x": file("x"),
            "a": link("/d/x"),
            "u": link("../../d"),
            "d/e": link("../../../a"),
        }
        layer = dict(build("FROM scratch\nCOPY a /\nCOPY u/x /y\nCOPY d/e /e\n", context=context).layers[0])
        assert layer["a"].content == context["d/x"].content

    @pytest.mark.parametrize(
        "target", ["/bin/busybox", "/dev/stdout", "busybox", "../../../nowhere", "/nowhere", "/bin/sh"]
    )
    def test_symlinks_below_a_copied_folder_are_kept_wherever_they_lead(self, target: str) -> None:
        context = {"r": folder(), "r/bin": folder(), "r/bin/busybox": file(), "r/bin/sh": link(target)}
        assert dict(build("FROM scratch\nCOPY r /", context=context).layers[0])["bin/sh"] == link(target)

    @pytest.mark.parametrize(
        ("context", "message"),
        [
            (
                {"d": folder(), "d/.wh.x": file()},
                "`d/.wh.x` begins with `.wh.`, which marks a removed file in a layer",
            ),
            ({"d": folder(), "d/a\udcff": file()}, "the name 'd/a\\udcff' is not UTF-8"),
            (
                {"d": folder(), "d/s": Node(kind="special")},
                "`d/s` is a device, pipe or socket, which an image cannot hold",
            ),
        ],
    )
    def test_names_and_kinds_of_files_that_a_layer_cannot_contain_are_refused(
        self, context: dict[str, Node], message: str
    ) -> None:
        assert str(refusal("FROM scratch\nCOPY d /", context=context)) == f"Dockerfile:2: {message}"

    def test_a_file_does_not_replace_a_folder_nor_a_folder_a_file(self) -> None:
        context = {"a": folder(), "a/x": folder(), "b": folder(), "b/x": file()}
        assert "`/x` is a folder in the image" in str(
            refusal("FROM scratch\nCOPY a /\nCOPY b /", context=context)
        )
        assert "`/x` in the image is not a folder" in str(
            refusal("FROM scratch\nCOPY b /\nCOPY a /", context=context)
        )

    @pytest.mark.parametrize(
        "line", ["COPY app /x/y/z", "COPY conf /x/y", "COPY conf /x", "WORKDIR /x/y", "WORKDIR /x"]
    )
    def test_copying_to_a_path_below_a_file_of_the_image_is_refused(self, line: str) -> None:
        error = refusal(f"FROM scratch\nCOPY app /x\n{line}")
        assert str(error).startswith("Dockerfile:3: `/x` in the image is not a folder")

    @pytest.mark.parametrize(
        "line", ["COPY app /loop/", "COPY app /loop/x", "WORKDIR /loop", "COPY --chown=me app /"]
    )
    def test_circular_symlinks_in_the_image_are_refused(self, line: str) -> None:
        circle = {"r": folder(), "r/loop": link("other"), "r/other": link("loop"), "r/etc": link("loop")}
        error = refusal(f"FROM scratch\nCOPY r /\n{line}", context={**CONTEXT, **circle})
        assert "in the image leads in a circle" in str(error)
        assert str(error).startswith("Dockerfile:3: the symlink `/")

    def test_add_unpacks_an_archive_and_copy_does_not(self) -> None:
        context = {"root.tar": file("archive")}
        added = build("FROM scratch\nADD root.tar /r", context=context)
        assert [(path, node.kind, oct(node.mode), node.uid) for path, node in added.layers[0]] == [
            ("r", "dir", "0o755", 0),
            ("r/lib", "symlink", "0o777", 0),
            ("r/tmp", "dir", "0o1777", 0),
            ("r/usr", "dir", "0o755", 0),
            ("r/usr/dangling", "symlink", "0o777", 0),
            ("r/usr/lib", "dir", "0o755", 0),
            ("r/usr/lib/x", "file", "0o4755", 3),
        ]
        assert paths(build("FROM scratch\nCOPY root.tar /r", context=context)) == ["r"]

    def test_chmod_leaves_the_modes_in_an_archive_alone(self) -> None:
        context = {"root.tar": file("archive"), "app": file("a")}
        image = build("FROM scratch\nADD --chmod=700 root.tar app /x/", context=context)
        plain = build("FROM scratch\nADD root.tar /x/", context=context)
        modes = {path: node.mode for path, node in image.layers[0]}
        assert modes.pop("x/app") == 0o700
        assert modes == {path: node.mode for path, node in plain.layers[0]}

    def test_chown_replaces_the_owners_in_an_archive(self) -> None:
        image = build("FROM scratch\nADD --chown=9 root.tar /", context={"root.tar": file("archive")})
        assert {node.uid for _, node in image.layers[0]} == {9}

"""Clones that lack files of their commit: a sparse checkout, submodules that are not there, Git LFS pointers."""

from __future__ import annotations

from tests.support.releases.git import GitRepo

#: What Git LFS leaves in place of a file whose content was not fetched.
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def add_submodule(repo: GitRepo, inner: GitRepo, path: str) -> None:
    """Commit `inner` as a submodule at `path`, and leave the submodule checked out."""
    repo.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        "--force",
        f"file://{inner.path}",
        path,
    )
    repo.commit(f"submodule {path}")


def check_out_submodules(repo: GitRepo) -> None:
    """Check out all submodules with the git command that the error's hint names."""
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")


def make_sparse(repo: GitRepo, *folders: str) -> None:
    """Check out only `folders`, and the files that lie directly in the top folder and in the parents of `folders`."""
    repo.git("sparse-checkout", "set", "--cone", *folders)

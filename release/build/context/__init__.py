"""The build context: which files every builder sends, decided in one place.

`folder` reads the Dockerfile and the ignore file, `walk` lists the folder, `selection` chooses by what git tracks,
`reach` says which instructions read which paths, `contexts` puts them together.
"""

from __future__ import annotations

from release.build.context.folder import Context, open_context, open_named
from release.build.context.walk import walk

__all__ = ["Context", "open_context", "open_named", "walk"]

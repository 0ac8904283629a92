"""The texts of the templates. `@NAME@` is the program's name, `@BUILD@` and `@RUN@` are base images.

Instructions that change with every release stand last. So dependencies are installed before the source is copied, and
`ARG VERSION` stands directly above its first use. The ignore files list what the build needs and exclude everything
else, so that no secret and no build output gets into the context by accident.
"""

from __future__ import annotations

from typing import Literal

import msgspec

#: Names of the base images that a template can have: of the stage that compiles, and of the final stage.
StageName = Literal["build", "run"]


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One template. `bases`: stage -> its base image without a digest. `summary`: one line for people.

    `needs`: sources that the build copies -> what makes them, or what to change instead.
    """

    summary: str
    bases: dict[StageName, str]
    dockerfile: str
    ignore: str
    needs: dict[str, str] = {}


_GO = """\
# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM @BUILD@ AS build
WORKDIR /src
COPY go.mod go.sum* ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
ARG VERSION=0.0.0
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \\
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \\
    go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=$VERSION" -o /out/@NAME@ .

FROM @RUN@
COPY --from=build /out/@NAME@ /@NAME@
USER 65532:65532
ENTRYPOINT ["/@NAME@"]
"""

_PYTHON = """\
# syntax=docker/dockerfile:1
FROM @BUILD@ AS build
WORKDIR /src
RUN python -m venv /venv
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \\
    /venv/bin/pip install --no-compile -r requirements.txt

FROM @RUN@
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
COPY --from=build /venv /venv
COPY src/ ./
ARG VERSION=0.0.0
ENV APP_VERSION=$VERSION
USER 65532:65532
ENTRYPOINT ["python", "-m", "@MODULE@"]
"""

_NODE = """\
# syntax=docker/dockerfile:1
FROM @BUILD@ AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY . .
RUN npm run build --if-present && npm prune --omit=dev

FROM @RUN@
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app ./
ARG VERSION=0.0.0
ENV APP_VERSION=$VERSION
USER 65532:65532
# Starts the file that `main` in package.json names.
ENTRYPOINT ["node", "."]
"""

_JAVA = """\
# syntax=docker/dockerfile:1
FROM @BUILD@ AS build
WORKDIR /src
COPY pom.xml ./
RUN --mount=type=cache,target=/root/.m2 mvn -B -q dependency:go-offline
COPY src/ ./src/
# In pom.xml: <version>${revision}</version> and <finalName>@NAME@</finalName>.
ARG VERSION=0.0.0
RUN --mount=type=cache,target=/root/.m2 mvn -B -q package -DskipTests -Drevision=$VERSION

FROM @RUN@
COPY --from=build /src/target/@NAME@.jar /app/@NAME@.jar
USER 65532:65532
ENTRYPOINT ["java", "-jar", "/app/@NAME@.jar"]
"""

_STATIC = """\
# Only files, no program. Another image takes them with `COPY --from`, or Kubernetes mounts them as an image volume.
# `--base run=IMAGE@DIGEST` puts a web server below them, which has to serve /srv.
FROM @RUN@
COPY dist/ /srv/
ARG VERSION=0.0.0
ENV APP_VERSION=$VERSION
USER 65532:65532
"""

_BINARY = """\
# A program that was compiled before, statically linked: one file for each platform, dist/linux-amd64/@NAME@ and so on.
FROM @RUN@
ARG TARGETOS TARGETARCH
COPY dist/${TARGETOS}-${TARGETARCH}/@NAME@ /@NAME@
ARG VERSION=0.0.0
ENV APP_VERSION=$VERSION
USER 65532:65532
ENTRYPOINT ["/@NAME@"]
"""

#: Patterns at the end of every ignore file: the last matching pattern decides, so no exception (`!…`) above can send
#: secrets or the repository's history.
_NEVER = "**/.git\n**/.env\n**/.env.*\n**/*.pem\n**/*.key\n"

TEMPLATES: dict[str, Template] = {
    "go": Template(
        summary="a Go program, cross-compiled, on distroless",
        bases={
            "build": "docker.io/library/golang:1.25",
            "run": "gcr.io/distroless/static-debian12:nonroot",
        },
        dockerfile=_GO,
        ignore=f"*\n!go.mod\n!go.sum\n!**/*.go\n!cmd\n!internal\n!pkg\n{_NEVER}**/*_test.go\n",
        needs={"go.mod": "`go mod init MODULE` makes it"},
    ),
    "python": Template(
        summary="a Python package in `src/`, its requirements in a virtual environment",
        bases={
            "build": "docker.io/library/python:3.13-slim",
            "run": "docker.io/library/python:3.13-slim",
        },
        dockerfile=_PYTHON,
        ignore=f"*\n!requirements.txt\n!src\n{_NEVER}**/__pycache__\n**/*.pyc\n**/*.egg-info\n",
        needs={
            "requirements.txt": "`pip freeze`, `uv export --no-dev` or `poetry export` prints its lines",
            "src": "put the package `@MODULE@` into it, or change the line `COPY src/ ./`",
        },
    ),
    "node": Template(
        summary="a Node.js program with `package-lock.json`",
        bases={"build": "docker.io/library/node:22-slim", "run": "docker.io/library/node:22-slim"},
        dockerfile=_NODE,
        ignore=f"*\n!package.json\n!package-lock.json\n!tsconfig*.json\n!*.js\n!*.mjs\n!src\n!public\n{_NEVER}"
        "**/node_modules\n",
        needs={
            "package.json": "`npm init` makes it",
            "package-lock.json": "`npm install --package-lock-only` makes it; for yarn or pnpm change the `npm` lines",
        },
    ),
    "java": Template(
        summary="a Maven project that makes one jar, on a JRE",
        bases={
            "build": "docker.io/library/maven:3-eclipse-temurin-21",
            "run": "docker.io/library/eclipse-temurin:21-jre",
        },
        dockerfile=_JAVA,
        ignore=f"*\n!pom.xml\n!src\n{_NEVER}**/*.jks\n**/*.p12\n",
        needs={
            "pom.xml": "`mvn archetype:generate` makes it; for Gradle, change the lines with `mvn`",
            "src": "put the sources into it, or change the line `COPY src/ ./src/`",
        },
    ),
    "static": Template(
        summary="the files in `dist/`, nothing else",
        bases={"run": "scratch"},
        dockerfile=_STATIC,
        ignore=f"*\n!dist\n{_NEVER}**/*.map\n",
    ),
    "binary": Template(
        summary="a program that was compiled before, nothing else",
        bases={"run": "scratch"},
        dockerfile=_BINARY,
        ignore=f"*\n!dist\n{_NEVER}",
    ),
}

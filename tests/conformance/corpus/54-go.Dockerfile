ARG REGISTRY=docker.io/library
ARG TAG
FROM ${REGISTRY}/busybox:${TAG:-latest} AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY . .

FROM scratch
COPY --from=build --link /src/static/ /opt/app/
ENV LANG=C.UTF-8 \
    PATH=/opt/app/bin:$PATH
COPY ["a b/c d.txt", "/opt/a b/"]
HEALTHCHECK --interval=30s --timeout=3s --retries=3 CMD test -d /opt || exit 1

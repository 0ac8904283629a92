ARG REGISTRY=docker.io/library
ARG TAG
FROM --platform=$TARGETPLATFORM ${REGISTRY}/busybox:${TAG:-latest} AS builder
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN --mount=type=cache,id=pkg,target=/var/cache/pkg,sharing=locked \
    mkdir -p target && cat pom.xml src/main.c > target/app.jar

FROM builder AS test
RUN sh app/test/test.sh

FROM ${REGISTRY}/busybox:${TAG:-latest}
COPY --from=builder --chmod=755 /src/target/ /opt/app/
CMD echo "$HOME" && exec app
COPY conf/*.conf /etc/app/

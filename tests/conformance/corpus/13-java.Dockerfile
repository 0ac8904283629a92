# syntax=docker/dockerfile:1.7

ARG BUSYBOX_VERSION=latest
FROM --platform=${BUILDPLATFORM} busybox:${BUSYBOX_VERSION} AS builder
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN --mount=type=cache,id=pkg,target=/var/cache/pkg,sharing=locked \
    mkdir -p target && cat pom.xml src/main.c > target/app.jar

FROM scratch AS final
COPY --from=builder /src/target/ /opt/app/
COPY <<robots.txt <<'humans.txt' /srv/
User-agent: *
Disallow:
robots.txt
we keep $VARIABLES
humans.txt
ONBUILD COPY . /onbuild
COPY static/css static/img /srv/assets/
HEALTHCHECK --start-period=5s CMD ["/opt/health.sh"]

# syntax=docker/dockerfile:1.7

FROM busybox:latest AS builder
WORKDIR /src
COPY static/ ./static/
COPY . .
RUN --mount=target=/context \
    find static -type f | sort > manifest.txt && cp -r static /site && cp manifest.txt /site/

FROM busybox:latest
COPY --from=builder /site/ /opt/app/
COPY <<robots.txt <<'humans.txt' /srv/
User-agent: *
Disallow:
robots.txt
we keep $VARIABLES
humans.txt
# hadolint ignore=DL3007
LABEL maintainer="someone@example.org"
ENV LANG=C.UTF-8 \
    PATH=/opt/app/bin:$PATH

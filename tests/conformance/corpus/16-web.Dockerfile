# syntax=docker/dockerfile:1.7

ARG BASE=busybox:latest
FROM ${BASE} AS builder
WORKDIR /src
COPY static/ ./static/
COPY . .
RUN find static -type f | sort > manifest.txt \
 && cp -r static /site \
 && cp manifest.txt /site/

FROM builder AS test
RUN sh app/test/test.sh

FROM ${BASE}
COPY --from=builder /site/ /opt/app/
MAINTAINER someone <someone@example.org>
EXPOSE 8000-8003

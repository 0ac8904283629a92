# syntax=docker/dockerfile:1

ARG BASE=busybox:latest
FROM ${BASE} AS deps
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN mkdir -p /venv/bin \
 && cp app/main.sh /venv/bin/app \
 && cp app/lib.sh /venv/bin/

FROM busybox:latest
COPY --from=0 /venv/ /opt/app/
ENV OLD style of value
# hadolint ignore=DL3007
LABEL maintainer="someone@example.org"

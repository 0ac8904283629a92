# syntax=docker/dockerfile:1

ARG IMAGE=busybox
FROM $IMAGE:latest
WORKDIR /src
COPY --chown=1000 --link requirements.txt ./
COPY . .
RUN set -eux; \
    mkdir -p /venv/bin \
 && cp app/main.sh /venv/bin/app \
 && cp app/lib.sh /venv/bin/
CMD echo "$HOME" && exec app
COPY conf/*.conf /etc/app/

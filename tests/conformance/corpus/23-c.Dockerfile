ARG IMAGE=busybox
FROM $IMAGE:latest
SHELL ["/bin/ash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN set -eux; \
    mkdir -p /usr/local/bin \
 && cat src/main.c src/util/util.c > /usr/local/bin/app.c
COPY <<robots.txt <<'humans.txt' /srv/
User-agent: *
Disallow:
robots.txt
we keep $VARIABLES
humans.txt
ENTRYPOINT exec app
ENV A=1
ENV B=$A-2 C=${NONE:-three} D=${A:+set}

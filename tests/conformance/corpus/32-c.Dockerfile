ARG BASE=busybox:latest
FROM --platform=$BUILDPLATFORM ${BASE} AS deps
ARG TARGETARCH
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN mkdir -p /usr/local/bin \
 && cat src/main.c src/util/util.c > /usr/local/bin/app.c

FROM scratch
COPY --from=deps --chmod=u=rwX,go=rX /usr/local/bin/ /opt/app/
COPY conf/*.conf /etc/app/
STOPSIGNAL SIGQUIT

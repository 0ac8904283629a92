ARG BASE_DIGEST={busybox}
FROM --platform=${BUILDPLATFORM} busybox@${BASE_DIGEST} AS deps
ARG TARGETARCH
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN set -eux; \
    for f in scripts/*.sh; do sh -n "$f"; done \
 && cp -r scripts /opt-scripts

FROM busybox:latest AS final
COPY --from=deps /opt-scripts/ /opt/app/
USER 65532:65532
COPY app/main.sh \
     # the library
     app/lib.sh \
     /opt/app/

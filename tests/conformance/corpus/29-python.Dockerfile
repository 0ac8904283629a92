ARG BUSYBOX_VERSION=latest
FROM --platform=${BUILDPLATFORM} busybox:${BUSYBOX_VERSION} AS deps
ARG TARGETARCH
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN set -eux; \
    mkdir -p /venv/bin \
 && cp app/main.sh /venv/bin/app \
 && cp app/lib.sh /venv/bin/
ADD {git}#main /downloads/repo/

FROM busybox:latest AS final
COPY --from=deps /venv/ /opt/app/
COPY --from=busybox:latest /bin/busybox /opt/busybox
RUN <<-EOF sh -e
	echo one > /one
	echo two > /two
	EOF
ENV LANG=C.UTF-8 \
    PATH=/opt/app/bin:$PATH
COPY ["a b/c d.txt", "/opt/a b/"]

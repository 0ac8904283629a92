FROM --platform=$BUILDPLATFORM busybox:latest AS builder
SHELL ["/bin/ash", "-o", "pipefail", "-c"]
ARG TARGETPLATFORM
ARG BUILDPLATFORM
WORKDIR /src
COPY static/ ./static/
COPY . .
RUN echo "for $TARGETPLATFORM" > /platform
RUN set -eux; \
    find static -type f | sort > manifest.txt \
 && cp -r static /site \
 && cp manifest.txt /site/

FROM scratch AS final
COPY --from=0 /site/ /opt/app/
COPY <<-"EOT" /etc/app/defaults.conf
	key = value
	path = $HOME
	EOT
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.licenses=MIT
USER 65532:65532
